import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { scripts } from "../../src/layers/docker/scripts.ts"
import secret from "../../src/layers/secrets/command.sh" with { type: "text" }
import { bundle, main, project, source } from "./project.ts"

bundle()

const deployFile = `project: shop
servers:
  web1: { host: 203.0.113.10, arch: amd64, user: deploy }
  web2: { host: 203.0.113.11, arch: amd64 }
services:
  web:
    build: { context: . }
    hosts: [web1, web2]
    ports: ["8080:80"]
    environment:
      clear: { GREETING: hello you }
      secrets: [DATABASE_URL]
  cache:
    image: redis:7
    hosts: [web1]
`
const files = {
  ".jiji/deploy.yml": deployFile,
  Dockerfile: "FROM scratch\n",
  ".env": "DATABASE_URL=postgres://me:hunter22@db\n"
}

const usage = (text: string, command = "jiji deploy") => ({
  code: 2,
  stdout: "",
  stderr: `error: ${text}\n  → See: ${command} --help\n`
})

describe("jiji prints", () => {
  test("its version", () => {
    using shop = project(files)
    expect(shop.jiji(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" })
    const { stdout } = Bun.spawnSync([process.execPath, source, "--version"], { cwd: shop.root, env: shop.env })
    expect(stdout.toString()).toBe(`${manifest.version}\n`)
  })

  test("help on stdout if it is asked for", () => {
    using shop = project(files)
    for (const args of [["--help"], ["-h"], ["deploy", "--help"]]) {
      const { code, stderr, stdout } = shop.jiji(args)
      expect([code, stderr]).toEqual([0, ""])
      expect(stdout).toContain("USAGE\n  jiji")
      expect(stdout).not.toContain("\u001b")
    }
    expect(shop.jiji(["deploy", "--help"]).stdout).toContain("--dry-run")
  })

  test("help if there are no arguments", () => {
    using shop = project(files)
    expect(shop.jiji([])).toEqual(shop.jiji(["--help"]))
    expect(shop.jiji(["registry"])).toEqual(shop.jiji(["registry", "--help"]))
  })

  test("the scripts that it runs on servers", () => {
    using shop = project(files)
    for (const [name, text] of Object.entries({ ...scripts, secret })) {
      expect(shop.jiji(["script", name])).toEqual({ code: 0, stdout: text, stderr: "" })
    }
    const { code, stdout } = shop.jiji(["script"])
    expect([code, stdout]).toEqual([0, "build\ncheck\nlook\nprobe\npull\npush\nregistry\nreplace\nsecret\ntunnel\n"])
    expect(shop.jiji(["script", "nope"])).toMatchObject({ code: 2, stdout: "" })
  })
})

describe("invalid usage", () => {
  test("prints only the error, on stderr, and exits with 2", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "--nope"])).toEqual(usage("Unrecognized flag: --nope in command jiji deploy"))
    expect(shop.jiji(["frob"])).toEqual(usage('Unknown subcommand "frob" for "jiji"', "jiji"))
    expect(shop.jiji(["--nope"])).toEqual(usage("Unrecognized flag: --nope in command jiji", "jiji"))
    expect(shop.jiji(["deploy", "extra"])).toEqual(usage('Unexpected positional argument: "extra"'))
    expect(shop.jiji(["deploy", "--version"])).toEqual(usage("Missing value for flag --version. Expected: TAG"))
  })

  test("lists the servers if a pattern matches none", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "-H", "db*"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'error: No server matches "db*"; deploy.yml has web1 and web2.\n' +
        '  → Use one of these names with `-H`, or a pattern such as "*".\n'
    })
    expect(shop.jiji(["deploy", "-S", "nope"])).toMatchObject({ code: 2, stdout: "" })
  })
})

describe("an invalid configuration", () => {
  test("fails if it does not exist", () => {
    using shop = project({})
    const { code, stderr, stdout } = shop.jiji(["deploy"])
    expect([code, stdout]).toEqual([78, ""])
    expect(stderr).toMatch(/^error: .*\.jiji\/deploy\.yml.*\n {2}→ .*\n$/)
  })

  test("reports all problems with their lines", () => {
    using shop = project({ ".jiji/deploy.yml": "project: Shop!\nservers: {}\nnope: 1\nservices: {}\n" })
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run"])
    expect([code, stdout]).toEqual([78, ""])
    expect(stderr).toStartWith("error: The configuration has 4 errors:\n.jiji/deploy.yml:1 project: must be ")
    expect(stderr).toContain("\n.jiji/deploy.yml:3 nope: ")
    expect(stderr).toEndWith("\n  → Fix these lines.\n")
  })

  test("does not start a line with the content of a multi-line value", () => {
    using shop = project({ ".jiji/deploy.yml": 'project: "a\\n::stop\\r::stop"\n' })
    expect(shop.jiji(["deploy"]).stderr).not.toMatch(/^::/m)
  })

  test("fails if the environment does not exist", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "-e", "staging"])).toMatchObject({ code: 78, stdout: "" })
    const sandbox = shop.jiji(["deploy", "-e", "sandbox"])
    expect(sandbox.code).toBe(78)
    expect(sandbox.stderr).toEndWith("  → Run `jiji sandbox` in another terminal, and keep it open.\n")
  })

  for (const name of ["", "../x", ".x"]) {
    test(`rejects ${JSON.stringify(name)} as the name of an environment`, () => {
      using shop = project(files)
      const { code, stderr } = shop.jiji(["deploy", `--environment=${name}`, "--dry-run"])
      expect(code).toBe(2)
      expect(stderr).toContain("a name made of letters")
    })
  }

  test("fails on missing secrets before any other step", () => {
    using shop = project({ ...files, ".env": "" })
    const { code, stderr } = shop.jiji(["deploy"])
    expect(code).toBe(78)
    expect(stderr).toBe(
      "error: The secret DATABASE_URL is missing; jiji looked in .env and the process environment.\n" +
        "  → Add DATABASE_URL=… to .env, or set it in the environment.\n"
    )
  })
})

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
      "--label 'jiji.digest=DIGEST' --label 'jiji.config=<config>' --label 'jiji.parts=<config>'"
    const web =
      "jiji:replace.sh docker shop-web shop DIGEST <config> trial 1 60 " +
      "localhost:9270/shop-web:v1 DIGEST localhost:9270/shop-web 3 2 --publish 8080:80 --pull never " +
      `--restart unless-stopped ${labels("web", "v1")} --env 'GREETING=hello you' --env DATABASE_URL localhost:9270/shop-web:v1 ` +
      "(via stdin: JIJI_NAMES=DATABASE_URL JIJI_SECRET_0=<redacted>)"
    const cache =
      "jiji:replace.sh docker shop-cache shop DIGEST <config> beside 1 60 redis:7 DIGEST '' 3 0 " +
      `--pull never --restart unless-stopped ${labels("cache", "7")} redis:7`
    // Without numbers: they count through all machines, and services of one machine run at the same time.
    const lines = made.split("\n").map((line) => line.replace(/^ {2,3}\d+ {2}/, "  "))
    expect(lines).toEqual([
      "Dry run: deploy shop to 2 servers, as if nothing ran there yet.",
      "Nothing is changed and no connection is made. IDs and digests are placeholders.",
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
      "  jiji:probe.sh docker shop",
      "  # forward 127.0.0.1:9270 to the local registry on this machine",
      "  jiji:pull.sh docker localhost:9270/shop-web@DIGEST localhost:9270/shop-web:v1 true no no '' ''",
      `  ${web}`,
      "  jiji:pull.sh docker redis:7 '' true no yes '' ''",
      `  ${cache}`,
      "",
      "on web2 (203.0.113.11):",
      "  # open the SSH connection",
      "  jiji:probe.sh docker shop",
      "  # forward 127.0.0.1:9270 to the local registry on this machine",
      "  jiji:pull.sh docker localhost:9270/shop-web@DIGEST localhost:9270/shop-web:v1 true no no '' ''",
      `  ${web}`,
      "",
      "jiji:NAME.sh is one of jiji's own scripts; `jiji script NAME` prints it.",
      ""
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

describe("a reader of the output", () => {
  test("can stop early without an error", () => {
    using shop = project(files)
    for (const args of ["deploy --dry-run", "--help", "deploy"]) {
      const line = `"${process.execPath}" "${main}" ${args} 2>"${shop.home}/stderr" | head -n 1; echo "\${PIPESTATUS[0]}"`
      const { stdout } = Bun.spawnSync(["bash", "-c", line], {
        cwd: shop.root,
        env: { ...shop.env, PATH: "/usr/bin:/bin" },
        stdin: "ignore"
      })
      expect(stdout.toString().trim().split("\n")).toHaveLength(2)
      expect(readFileSync(join(shop.home, "stderr"), "utf8")).not.toMatch(/EPIPE|at .*\.ts:/)
    }
  })

  test("can be slow and still gets everything", () => {
    const services = Array.from(
      { length: 200 },
      (_, n) => `  s${n}: { image: "redis:7", hosts: [web1], environment: { clear: { A: ${"x".repeat(500)} } } }\n`
    )
    using shop = project({
      ".jiji/deploy.yml": `project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices:\n${services.join("")}`
    })
    const line = `"${process.execPath}" "${main}" deploy --dry-run | (sleep 0.5; cat)`
    const { stdout } = Bun.spawnSync(["bash", "-c", line], { cwd: shop.root, env: shop.env, stdin: "ignore" })
    expect(stdout.toString().match(/jiji:replace\.sh/g)).toHaveLength(200)
    expect(stdout.toString()).toEndWith("`jiji script NAME` prints it.\n")
  })
})
