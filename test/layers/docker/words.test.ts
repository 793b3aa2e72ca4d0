import { describe, expect, test } from "bun:test"
import { Result } from "effect"
import { CommandLine } from "effect/process"
import type { BuildSource } from "../../../src/config/Project.ts"
import type { Command } from "../../../src/layers/processes/Command.ts"
import * as words from "../../../src/layers/docker/words.ts"

/** Words as one would type them. */
const line = (all: Command["words"] | ReadonlyArray<string>): string =>
  Result.getOrThrow(CommandLine.join(all, { format: "posix" }))

const source: BuildSource = { _tag: "Build", context: "/srv/shop", dockerfile: "/srv/shop/Dockerfile", args: {} }

describe("the build command", () => {
  test("for docker", () => {
    expect(line(words.build({ engine: "docker", source, reference: "localhost:9270/shop-web:v1" }))).toBe(
      "docker build --file /srv/shop/Dockerfile --tag localhost:9270/shop-web:v1 /srv/shop"
    )
  })

  test("for podman keeps the health check, which its own image format lacks", () => {
    expect(line(words.build({ engine: "podman", source, reference: "a:1" }))).toBe(
      "podman build --format docker --file /srv/shop/Dockerfile --tag a:1 /srv/shop"
    )
  })

  test("passes the platform, the target and the build arguments unchanged", () => {
    const whole = {
      ...source,
      context: "/srv/my shop",
      target: "app",
      args: { A: "1", B: "a b", C: "$(id) 'x'", D: "" }
    }
    expect(line(words.build({ engine: "docker", source: whole, reference: "a:1", platform: "linux/arm64" }))).toBe(
      "docker build --file /srv/shop/Dockerfile --tag a:1 --platform linux/arm64 --target app " +
        `--build-arg 'A=1' --build-arg 'B=a b' --build-arg 'C=$(id) '\\''x'\\''' --build-arg 'D=' '/srv/my shop'`
    )
  })
})

describe("the create command", () => {
  const spec = {
    image: "a:1",
    labels: { "jiji.project": "shop" },
    ports: ["8080:80", "127.0.0.1:9000:9000/udp"],
    volumes: ["data:/var/lib/app", "/srv/a b:/c:ro"],
    environment: { LOG: "info", GREETING: "hello $USER", LINES: "a\nb", EMPTY: "" },
    command: ["bin/serve", "--name", "it's"]
  }

  test("names secrets but does not contain their values", () => {
    expect(line(words.createWords(spec, ["DATABASE_URL", "TOKEN"]))).toBe(
      "--pull never --label 'jiji.project=shop' " +
        "--volume data:/var/lib/app --volume '/srv/a b:/c:ro' " +
        "--env 'LOG=info' --env 'GREETING=hello $USER' --env 'LINES=a\nb' --env 'EMPTY=' " +
        "--env DATABASE_URL --env TOKEN a:1 bin/serve --name 'it'\\''s'"
    )
  })

  test("omits what is not configured", () => {
    const bare = { image: "a:1", labels: {}, ports: [], volumes: [], environment: {}, command: [] }
    expect(line(words.createWords(bare, []))).toBe("--pull never a:1")
  })

  test("joins the project's network, but takes the service's name and an address separately", () => {
    const inNetwork = { ...spec, network: { name: "jiji-shop", alias: "web", address: "172.18.3.4" } }
    expect(line(words.createWords(inNetwork, []))).toStartWith("--network jiji-shop --pull never ")
    expect(line(words.exclusiveWords("docker", inNetwork))).toBe(
      "--network-alias web --ip 172.18.3.4 --label 'jiji.address=172.18.3.4' " +
        "--publish 8080:80 --publish 127.0.0.1:9000:9000/udp"
    )
    expect(line(words.exclusiveWords("podman", inNetwork))).toContain(" --mac-address 02:42:ac:12:03:04 ")
  })

  test("publishes ports separately, so that a trial can omit them", () => {
    expect(line(words.exclusiveWords("docker", spec))).toBe("--publish 8080:80 --publish 127.0.0.1:9000:9000/udp")
    expect(words.exclusiveWords("docker", { ...spec, ports: [] })).toEqual([])
  })
})

test("all other commands", () => {
  expect(line(words.inspectImage("podman", "a:1"))).toBe("podman image inspect a:1")
  expect(line(words.save("docker", "a:1"))).toBe("docker save a:1")
  expect(line(words.login("docker", "ghcr.io", "me"))).toBe("docker login --username me --password-stdin ghcr.io")
})
