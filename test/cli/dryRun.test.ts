import { describe, expect, test } from "bun:test"
import { join } from "node:path"

import { compileFirst, project } from "./project.ts"
import { deployFile, files } from "./shop.ts"

compileFirst()

describe("a dry run", () => {
  test("prints every command by machine, changes nothing, and needs no engine and no server", () => {
    using shop = project(files)
    const before = shop.listing()
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run", "--version", "v1"])
    expect([code, stderr]).toEqual([0, ""])
    const made = stdout
      .replaceAll(/sha256:[0-9a-f]{64}/g, "DIGEST")

      .replaceAll(shop.root, "ROOT")
    const labels = (service: string, version: string) =>
      `--label 'jiji.project=shop' --label 'jiji.service=${service}' --label 'jiji.version=${version}' ` +
      "--label 'jiji.digest=DIGEST'"
    const started = (name: string, words: string) => [
      `  docker create --name ${name}-next --restart no ${words}`,
      `  docker start ${name}-next`,
      `  docker update --restart unless-stopped ${name}-next`,
      `  docker rename ${name}-next ${name}`
    ]
    const place = (service: string, address: string) =>
      `--network-alias ${service} --ip ${address} --label 'jiji.address=${address}'`
    const web = started(
      "shop-web",
      `${place("web", "172.30.107.215")} --publish 8080:80 --network jiji-shop --pull never ${labels("web", "v1")} --env 'GREETING=hello you' --env DATABASE_URL localhost:9270/shop-web:v1`
    )
    const network =
      "  docker network create --label 'jiji.project=shop' --subnet 172.30.0.0/16 --gateway 172.30.0.1 --ip-range 172.30.128.0/17 jiji-shop"
    // Old images are removed in the background.
    const images = "  docker image ls localhost:9270/shop-web"
    const cache = started(
      "shop-cache",
      `${place("cache", "172.30.85.65")} --network jiji-shop --pull never ${labels("cache", "7")} redis:7`
    )
    // What was started is kept for a rollback, also in the background.
    const kept = (service: string) =>
      expect.stringMatching(
        new RegExp(
          `^ {2}docker create --name shop-${service}\\.[0-9a-f]{12} --network none --label 'jiji.kept=shop' DIGEST kept$`
        )
      )
    // Without numbers, which count through all machines. The lines of the cache come last: services of one machine run at the
    // same time.
    const all = made.split("\n").map((line) => line.replace(/^( {2,3}\d+| {4}) {2}/, "  "))
    const isOfCache = (line: string) => /redis:7|shop-cache/.test(line)
    const lines = [...all.filter((line) => !isOfCache(line)), ...all.filter(isOfCache)]
    expect(lines).toEqual([
      "Dry run: deploy shop to 2 servers, as if nothing ran there yet.",
      "Nothing is changed and no connection is made. IDs, digests and addresses are placeholders.",
      "",
      "on this machine:",
      "  docker build --file ROOT/Dockerfile --tag localhost:9270/shop-web:v1 --platform linux/amd64 ROOT",
      "  docker image inspect localhost:9270/shop-web:v1",
      "  docker save localhost:9270/shop-web:v1",
      "  # import the saved image into the local registry as shop-web:v1",
      "  # serve the local registry, read-only, on 127.0.0.1:9270",
      "",
      "on web1 (deploy@203.0.113.10):",
      "  # open the SSH connection",
      "  docker ps --all --filter 'label=jiji.project=shop'",
      network,
      "  # forward 127.0.0.1:9270 to the local registry on this machine",
      "  docker pull localhost:9270/shop-web@DIGEST",
      "  docker tag localhost:9270/shop-web@DIGEST localhost:9270/shop-web:v1",
      ...web,
      kept("web"),
      images,
      "",
      "on web2 (203.0.113.11):",
      "  # open the SSH connection",
      "  docker ps --all --filter 'label=jiji.project=shop'",
      network,
      "  # forward 127.0.0.1:9270 to the local registry on this machine",
      "  docker pull localhost:9270/shop-web@DIGEST",
      "  docker tag localhost:9270/shop-web@DIGEST localhost:9270/shop-web:v1",
      ...web,
      kept("web"),
      images,
      "",
      "jiji does the same as these commands, through the engine's API where it can.",
      "",
      "  docker pull redis:7",
      ...cache,
      kept("cache")
    ])
    expect(stdout).not.toContain("hunter22")
    expect(shop.listing()).toEqual(before)
    // The output is reproducible.
    expect(shop.jiji(["deploy", "--dry-run", "--version", "v1"]).stdout).toBe(stdout)
  })

  test("prints only the selected part", () => {
    using shop = project(files)
    const { stdout } = shop.jiji(["deploy", "--dry-run", "-H", "web2", "-S", "web"])
    expect(stdout).toStartWith("Dry run: deploy shop to 1 server, as if")
    expect(stdout).not.toContain("redis")
    expect(stdout).not.toContain("web1")
  })

  test("fails like a deploy on missing secrets and invalid flags", () => {
    using shop = project({ ...files, ".env": "" })
    expect(shop.jiji(["deploy", "--dry-run"])).toMatchObject({ code: 78, stdout: "" })
    expect(shop.jiji(["deploy", "--dry-run", "--version", "a/b"], { DATABASE_URL: "x" })).toMatchObject({ code: 2 })
  })
})

describe("a deploy on a machine without an engine", () => {
  test("fails with the cause and a remedy, and prints the steps that ran", () => {
    using shop = project({
      ...files,
      ".jiji/deploy.yml": deployFile.replaceAll("203.0.113.10", "127.0.0.1").replaceAll("203.0.113.11", "127.0.0.1"),
      "bin/docker": ""
    })
    // Hides the docker of this machine: bin/docker comes first in PATH and is not executable.
    const { code, stderr, stdout } = shop.jiji(["deploy", "--version", "v1"], { PATH: join(shop.root, "bin") })
    expect(code).toBe(69)
    expect(stderr).toContain("error: docker cannot be started on this machine: it is not installed, or not in PATH.\n")
    expect(stdout).toMatch(/^ {3}0\.0s {2}deploy, run /)
    expect(stdout).toContain("web build: FAILED: docker cannot be started")
    expect(stdout + stderr).not.toContain("hunter22")
  })
})
