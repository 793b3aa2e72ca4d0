import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { emulator } from "../../reporters/emulator.ts"
import { program } from "../../support/program.ts"
import { until } from "../../support/waiting.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

const files = { Dockerfile: "FROM scratch\nEXPOSE 3000\n", ".gitignore": "node_modules\n" }

/** `jiji init` in a terminal, with these answers: one line a question. */
const atTerminal = async (shop: ReturnType<typeof project>, answers: ReadonlyArray<readonly [RegExp, string]>) => {
  const screen = emulator(120, 40)
  const decoder = new TextDecoder()
  const child = Bun.spawn([program, "init"], {
    cwd: shop.root,
    env: { ...shop.env, TERM: "xterm-256color" },
    terminal: { cols: 120, rows: 40, data: (_, bytes) => screen.write(decoder.decode(bytes, { stream: true })) }
  })
  for (const [question, answer] of answers) {
    await until(screen.now, (text) => question.test(text))
    child.terminal?.write(answer)
  }
  return { code: await child.exited, screen }
}

describe("jiji init", () => {
  test("writes what flags say, and nothing twice", () => {
    using shop = project(files)
    const flags = ["--server", "deploy@203.0.113.10", "--domain", "shop.example.com", "--project", "shop"]
    const { code, stderr, stdout } = shop.jiji(["init", ...flags])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toBe(`Wrote .jiji/deploy.yml, .jiji/deploy.schema.json, .dockerignore and .gitignore.

Next:
  1. Read .jiji/deploy.yml.
  2. Run \`jiji server setup\` if a server has no container engine yet.
  3. Run \`jiji doctor\`, which checks this machine and the servers.
  4. Run \`jiji deploy\`.
`)
    expect(readFileSync(join(shop.root, ".gitignore"), "utf8")).toStartWith("node_modules\n.env\n")
    expect(shop.jiji(["deploy", "--dry-run"]).code).toBe(0)
    const before = shop.listing()
    expect(shop.jiji(["init", ...flags])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: .jiji/deploy.yml already exists, and jiji init changes nothing then.\n  → Edit the file, or move it away to start again. `jiji doctor` checks it.\n"
    })
    expect(shop.listing()).toEqual(before)
  })

  test("asks nothing in a pipe, and needs a server there", () => {
    using shop = project(files)
    const before = shop.listing()
    expect(shop.jiji(["init"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: jiji init does not know a server to deploy to, and it cannot ask here.\n  → Use `--server USER@HOST`, once for each server.\n"
    })
    for (const flag of [
      ["--server", "a b"],
      ["--domain", "https://x"],
      ["--project", "A!"],
      ["--registry", "https://x"]
    ]) {
      expect(shop.jiji(["init", ...flag]).code).toBe(2)
    }
    expect(shop.listing()).toEqual(before)
  })

  test("asks four questions in a terminal, and again after a wrong answer", async () => {
    using shop = project(files)
    const { code, screen } = await atTerminal(shop, [
      [/Name of the project/, "\u0015shop\r"],
      [/Servers to deploy to/, "deploy@203.0.113.10 bad!host\r"],
      [/must be an address/, "\u0015deploy@203.0.113.10 203.0.113.11\r"],
      [/Host names for HTTPS/, "shop.example.com\r"],
      [/Registry for images/, "\r"]
    ])
    expect([code, await screen.now()]).toEqual([0, expect.stringContaining("Wrote .jiji/deploy.yml")])
    expect(readFileSync(join(shop.root, ".jiji/deploy.yml"), "utf8"))
      .toBe(`# yaml-language-server: $schema=deploy.schema.json

project: shop

servers:
  web1:
    user: deploy
    host: 203.0.113.10
  web2:
    host: 203.0.113.11

services:
  web:
    build:
      context: .
    hosts: [web1, web2]
    proxy:
      hosts: [shop.example.com]
      port: 3000
`)
  })

  test("writes nothing after Ctrl-C", async () => {
    using shop = project(files)
    const before = shop.listing()
    const { code } = await atTerminal(shop, [[/Name of the project/, "\u0003"]])
    expect([code, shop.listing()]).toEqual([130, before])
  })

  test("writes nothing with --dry-run, and prints JSON with --json", () => {
    using shop = project(files)
    const before = shop.listing()
    const dry = shop.jiji(["init", "--server", "203.0.113.10", "--dry-run"])
    expect(dry.stdout).toContain("# .jiji/deploy.yml\n# yaml-language-server")
    expect([dry.code, shop.listing()]).toEqual([0, before])
    const { code, stdout } = shop.jiji(["init", "--server", "203.0.113.10", "--json"])
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      {
        version: 1,
        written: true,
        files: [{ file: ".jiji/deploy.yml", action: "create" }, {}, {}, {}],
        notTranslated: []
      }
    ])
  })

  test("changes nothing in a folder below a project, and overwrites no file", () => {
    using shop = project({ ...files, "app/Dockerfile": "FROM scratch\n", ".jiji/deploy.schema.json": "mine" })
    const { code, stderr } = shop.jiji(["init", "--server", "203.0.113.10"])
    expect([code, stderr]).toEqual([1, expect.stringContaining("Cannot write .jiji/deploy.schema.json")])
    expect(readFileSync(join(shop.root, ".jiji/deploy.schema.json"), "utf8")).toBe("mine")
    expect(existsSync(join(shop.root, ".jiji/deploy.yml"))).toBe(false)
    writeFileSync(join(shop.root, ".jiji/deploy.yml"), "")
    const below = Bun.spawnSync([program, "init", "--server", "203.0.113.10"], {
      cwd: join(shop.root, "app"),
      env: shop.env,
      stdin: "ignore"
    })
    expect([below.exitCode, below.stderr.toString()]).toEqual([
      2,
      `error: ${join(shop.root, ".jiji/deploy.yml")} already exists, and jiji init changes nothing then.\n  → Edit the file, or move it away to start again. \`jiji doctor\` checks it.\n`
    ])
  })
})
