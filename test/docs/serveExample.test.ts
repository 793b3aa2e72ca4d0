import { describe, expect, test } from "bun:test"
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { compileFirst, project } from "../cli/project.ts"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"

compileFirst()

const example = join(import.meta.dir, "../../examples/serve")
const read = (name: string) => readFileSync(join(example, name), "utf8")

describe("examples/serve", () => {
  test("rehearses: mounts its state, the projects and the key, and is served by the proxy", () => {
    using folder = project({})
    const run = Bun.spawnSync([program, "deploy", "--dry-run"], {
      cwd: example,
      env: { ...folder.env, DEPLOY_KEY: "a key", REGISTRY_PASSWORD: "hunter22" },
      stdin: "ignore"
    })
    const text = run.stdout.toString()
    expect([run.exitCode, run.stderr.toString()]).toEqual([0, ""])
    for (const part of [
      ":7070/ready",
      "--volume team_state:/home/deploy/.local",
      "--volume /srv/projects:/srv/projects",
      "/home/deploy/.ssh/id_ed25519",
      "--stop-timeout 360"
    ]) {
      expect([part, text.includes(part)]).toEqual([part, true])
    }
    expect(text).not.toContain("hunter22")
  })

  test("starts with a first token, and keeps it", async () => {
    using folder = project({})
    // What the image has.
    const bin = join(folder.root, "bin")
    mkdirSync(bin)
    cpSync(program, join(bin, "jiji"))
    mkdirSync(join(folder.root, ".local"), { mode: 0o700 })
    const script = join(bin, "start")
    writeFileSync(script, read("start").replace("/srv/projects", folder.root), { mode: 0o755 })
    const start = async () => {
      const child = Bun.spawn([script, "--port", "0", "--drain", "5s"], {
        cwd: folder.root,
        env: { PATH: `${bin}:/usr/bin:/bin`, HOME: folder.root },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe"
      })
      let stderr = ""
      const decoder = new TextDecoder()
      const reading = (async () => {
        for await (const chunk of child.stderr) stderr += decoder.decode(chunk, { stream: true })
      })()
      const port = await until(() => /http:\/\/0\.0\.0\.0:(\d+)/.exec(stderr)?.[1] ?? "")
      return {
        stderr: () => stderr,
        ask: (token: string) =>
          fetch(`http://127.0.0.1:${port}/api/projects`, { headers: { authorization: `Bearer ${token}` } }),
        stop: async () => {
          child.kill("SIGTERM")
          await Promise.all([child.exited, reading])
          return child.exitCode
        }
      }
    }
    const file = join(folder.root, ".local/first-token")
    const first = await start()
    expect(first.stderr()).toContain(`A first token is in ${file}.`)
    const token = readFileSync(file, "utf8").trim()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await first.ask(token)).status).toBe(200)
    expect(await first.stop()).toBe(130)
    const second = await start()
    expect(second.stderr()).not.toContain("A first token")
    expect((await second.ask(token)).status).toBe(200)
    await second.stop()
  }, 60_000)

  test("has a unit that systemd accepts, and that docs/serve.md shows", () => {
    const unit = read("jiji-serve.service")
    const [, shown = ""] =
      /^```ini\n(.*?)^```$/ms.exec(readFileSync(join(dirname(example), "../docs/serve.md"), "utf8")) ?? []
    expect(shown.split("\n").filter((line) => line !== "" && !unit.split("\n").includes(line))).toEqual([])
    expect(unit).toContain("KillMode=mixed")
    const { SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze" } = process.env
    // Not every system has systemd.
    if (Bun.which(SYSTEMD_ANALYZE) === null) return
    using folder = project({ "jiji-serve.service": unit.replace("/usr/local/bin/jiji", program) })
    const { stderr } = Bun.spawnSync([SYSTEMD_ANALYZE, "verify", join(folder.root, "jiji-serve.service")], {
      stdin: "ignore"
    })
    expect(stderr.toString()).toBe("")
  })
})
