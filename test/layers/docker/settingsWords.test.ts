import { expect, test } from "bun:test"
import { settingsWords } from "../../../src/layers/docker/settingsWords.ts"

const line = (...given: Parameters<typeof settingsWords>) => settingsWords(...given).join(" ")

test("passes every setting to docker", () => {
  const all = line("docker", {
    memory: "512m",
    cpus: "0.5",
    labels: { tier: "web" },
    user: "1000:1000",
    entrypoint: ["bin/start", "--fast"],
    working_dir: "/app",
    init: true,
    read_only: true,
    tmpfs: ["/tmp", "/run:size=64m"],
    shm_size: "256m",
    ulimits: { nofile: { soft: 1024, hard: 65536 } },
    cap_add: ["NET_ADMIN"],
    cap_drop: ["ALL"],
    devices: ["/dev/fuse"],
    gpus: "2",
    extra_hosts: ["db:10.0.0.5"],
    logging: { driver: "json-file", options: { "max-size": "10m" } },
    restart: "always",
    stop_timeout: 90,
    stop_signal: "QUIT",
    engine_options: ["--cpuset-cpus=0", "--privileged"]
  })
  expect(all).toBe(
    "--memory 512m --cpus 0.5 --user 1000:1000 --entrypoint bin/start --workdir /app --init --read-only " +
      "--tmpfs /tmp --tmpfs /run:size=64m --shm-size 256m --ulimit nofile=1024:65536 --cap-add NET_ADMIN " +
      "--cap-drop ALL --device /dev/fuse --gpus 2 --add-host db:10.0.0.5 --log-driver json-file --log-opt max-size=10m " +
      "--stop-timeout 90 --stop-signal QUIT --cpuset-cpus=0 --privileged"
  )
})

test("passes nothing for a service without settings", () => {
  expect(settingsWords("docker")).toEqual([])
})

test("turns a flag off if deploy.yml says so, because the engine's default may differ", () => {
  expect(line("docker", { init: false, read_only: false })).toBe("--init=false --read-only=false")
})

test("names GPUs as NVIDIA's CDI specification does with podman", () => {
  expect(line("podman", { gpus: "all" })).toBe("--device nvidia.com/gpu=all")
  expect(line("podman", { gpus: "2" })).toBe("--device nvidia.com/gpu=0 --device nvidia.com/gpu=1")
})

test("quotes the entry point for podman, which reads text in brackets as a list", () => {
  expect(settingsWords("podman", { entrypoint: ["[", "x"] })).toEqual(["--entrypoint", '["["]'])
})
