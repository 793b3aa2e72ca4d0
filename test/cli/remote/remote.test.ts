import { describe, expect, test } from "bun:test"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { emulator } from "../../reporters/emulator.ts"
import { makeServer, property, untilStatus } from "../../serve/server.ts"
import { program } from "../../support/program.ts"
import { until } from "../../support/waiting.ts"
import { compileFirst } from "../project.ts"

compileFirst()

type Folder = ReturnType<typeof makeServer>

interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string
}

/** Starts `jiji`, as on another machine: without the projects. */
const start = (folder: Folder, token: string, args: ReadonlyArray<string>, { cwd, env = {}, stdin }: Options = {}) => {
  const child = Bun.spawn([program, ...args], {
    cwd: cwd ?? folder.root,
    env: { PATH: "/usr/bin:/bin", HOME: join(folder.root, "elsewhere"), JIJI_TOKEN: token, ...env },
    stdin: stdin === undefined ? "ignore" : new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe"
  })
  const result = Promise.all([child.exited, child.stdout.text(), child.stderr.text()]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr })
  )
  return { child, result }
}

const logOf = ({ projects }: Folder) => {
  const file = join(projects, "shop/log")
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []
}
const hasStarted = (folder: Folder) => () => logOf(folder).some((line) => line.startsWith("started"))

const setUp = async (folder: Folder, role = "run", ...flags: ReadonlyArray<string>) => {
  const token = folder.token("ci", role)
  const server = await folder.serve(...flags)
  const jiji = (args: ReadonlyArray<string>, options?: Options) =>
    start(folder, token, ["--remote", server.url, ...args], options)
  return { token, server, jiji }
}

/** Without the times and the IDs, which differ. */
const steady = (text: string) =>
  text
    .replaceAll(/\d+(?:\.\d+)? ?m?s\b/g, "TIME")
    .replaceAll(/run \w+-\w+/g, "run ID")
    .replaceAll(/^ +TIME/gm, "TIME")

const local = (folder: Folder, ...args: ReadonlyArray<string>) =>
  start(folder, "", args, { cwd: join(folder.projects, "shop") }).result

describe("jiji --remote", () => {
  test("prints and exits as the same command does on this machine", async () => {
    using folder = makeServer()
    const { jiji } = await setUp(folder)
    for (const args of [
      ["run", "hello", "--name", "ann"],
      ["deploy"],
      ["run", "hello", "--name", "ann", "--dry-run"]
    ]) {
      const here = await local(folder, ...args)
      const { code, stderr, stdout } = await jiji(args).result
      const [first, ...rest] = stderr.split("\n")
      expect(first).toMatch(/^run \d+ of shop at http:/)
      expect([code, rest.join("\n")]).toEqual([here.code, here.stderr])
      if (!args.includes("--dry-run")) expect(steady(stdout)).toBe(steady(here.stdout))
    }
    const dry = await jiji(["deploy", "--dry-run"]).result
    const here = await local(folder, "deploy", "--dry-run")
    const commands = (text: string) => text.split("\n").filter((line) => /^(?: +\d+)? {2}/.test(line))
    expect([dry.code, commands(dry.stdout)]).toEqual([0, commands(here.stdout)])
    expect(commands(dry.stdout).length).toBeGreaterThan(5)
  }, 60_000)

  test("prints the events as JSON, and nothing else", async () => {
    using folder = makeServer()
    const { jiji } = await setUp(folder)
    const args = ["run", "hello", "--name", "ann", "--json"]
    const tags = (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line): unknown => property(JSON.parse(line), "_tag"))
    const { code, stdout } = await jiji(args).result
    expect(code).toBe(0)
    expect(tags(stdout)).toEqual(tags((await local(folder, ...args)).stdout))
    const failed = await jiji(["deploy", "--json"]).result
    expect([failed.code, tags(failed.stdout).at(-1)]).toEqual([69, "RunFailed"])
    expect(failed.stderr).toContain("error: web1 (127.0.0.1:1) cannot be reached: ")
  }, 60_000)

  test("fails as the command does that runs no pipeline", async () => {
    using folder = makeServer({ "broken/.jiji/deploy.yml": "project: broken\nservers: 3\n" })
    const { jiji } = await setUp(folder)
    const { code, stderr, stdout } = await jiji(["--project", "broken", "deploy"]).result
    expect([code, stdout]).toEqual([78, ""])
    expect(stderr).toContain(".jiji/deploy.yml:2 servers: ")
    const onGitHub = await jiji(["--project", "broken", "deploy"], { env: { GITHUB_ACTIONS: "true" } }).result
    expect(onGitHub.stderr).toMatch(/^::error::.*\.jiji\/deploy\.yml:2 servers: /m)
  }, 60_000)

  test("annotates a workflow on GitHub, and writes its summary", async () => {
    using folder = makeServer()
    const { jiji } = await setUp(folder)
    const summary = join(folder.root, "summary.md")
    writeFileSync(summary, "")
    const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary }
    const { code, stdout } = await jiji(["deploy"], { env }).result
    expect(code).toBe(69)
    expect(stdout).toMatch(/^::error.*::web1 \(127\.0\.0\.1:1\) cannot be reached/m)
    expect(readFileSync(summary, "utf8")).toContain("cannot be reached")
  }, 60_000)

  test("shows live progress in a terminal, and cancels the run with Ctrl-C", async () => {
    using folder = makeServer()
    const { server, token } = await setUp(folder)
    const screen = emulator(100, 24)
    const decoder = new TextDecoder()
    const child = Bun.spawn([program, "--remote", server.url, "run", "gate"], {
      cwd: folder.root,
      env: { PATH: "/usr/bin:/bin", HOME: folder.root, JIJI_TOKEN: token, TERM: "xterm-256color" },
      terminal: { cols: 100, rows: 24, data: (_, bytes) => screen.write(decoder.decode(bytes, { stream: true })) }
    })
    const shown = await until(screen.now, (text) => /^· wait +[\d.]+ s$/m.test(text))
    expect(shown).toContain("run 1 of shop at http:")
    expect(shown).toMatch(/^✓ prepare/m)
    child.terminal?.write("\u0003")
    expect(await child.exited).toBe(130)
    const ended = await until(screen.now, (text) => text.endsWith("interrupted"))
    expect(ended).toContain("! interrupted: cancelling run 1; press Ctrl-C again to end it at once")
    expect(ended).toMatch(/^! interrupted after /m)
    expect(logOf(folder).at(-1)).toBe("undone")
    await untilStatus(server, token, 1, "cancelled")
  }, 60_000)

  test("ends the run at once if it is interrupted twice", async () => {
    const stubborn = `import { Effect } from "effect"
import { appendFileSync } from "node:fs"
import { Pipeline, Step } from "jiji"
const say = (text: string) => Effect.sync(() => appendFileSync("log", text + "\\n"))
export default Pipeline.make("stubborn").pipe(Pipeline.step(Step.make("wait", () =>
  Effect.andThen(say("started"), Effect.never).pipe(Effect.onInterrupt(() => Effect.andThen(say("undoing"), Effect.never))))))
`
    using folder = makeServer({ "shop/.jiji/pipelines/stubborn.ts": stubborn })
    const { jiji, server, token } = await setUp(folder)
    const { child, result } = jiji(["run", "stubborn"])
    await until(hasStarted(folder))
    child.kill("SIGINT")
    await until(() => logOf(folder).includes("undoing"))
    child.kill("SIGINT")
    const { code, stderr } = await result
    expect(code).toBe(130)
    expect(stderr).toContain("exited immediately; jiji serve ends run 1 at once")
    await untilStatus(server, token, 1, "cancelled")
  }, 60_000)

  test("says so if somebody else cancels the run", async () => {
    using folder = makeServer()
    const { jiji } = await setUp(folder)
    const { result } = jiji(["run", "gate"])
    await until(hasStarted(folder))
    expect(await jiji(["cancel", "1"]).result).toMatchObject({
      code: 0,
      stdout: "Run 1 is being cancelled: it undoes its steps.\n"
    })
    expect(await result).toMatchObject({
      code: 130,
      stderr: expect.stringContaining("error: The run 1 was cancelled.\n")
    })
  }, 60_000)

  test("goes on after jiji serve was killed and started again", async () => {
    using folder = makeServer()
    const { jiji, server, token } = await setUp(folder)
    const { result } = jiji(["run", "gate"])
    await until(hasStarted(folder))
    // Its first events are stored.
    await until(async () => property((await server.request(token, "/api/runs/1")).body, "run") !== undefined)
    const { port } = new URL(server.url)
    server.child.kill("SIGKILL")
    await server.exited()
    await folder.serve("--port", port)
    await until(() => logOf(folder).filter((line) => line.startsWith("started")).length === 2)
    folder.write("shop/go", "")
    const { code, stderr, stdout } = await result
    expect(code).toBe(0)
    expect(stderr).toContain("run 1 goes on\n")
    expect(stdout.match(/wait: done/g)).toHaveLength(1)
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/ done$/)
  }, 60_000)

  test("goes on after jiji serve was stopped and started again, and then resumes the run", async () => {
    using folder = makeServer()
    const { jiji, server, token } = await setUp(folder, "run", "--drain", "0s")
    const { result } = jiji(["run", "gate"])
    await until(hasStarted(folder))
    await until(async () => property((await server.request(token, "/api/runs/1")).body, "run") !== undefined)
    const { port } = new URL(server.url)
    server.child.kill("SIGTERM")
    expect(await server.exited()).toBe(130)
    await folder.serve("--port", port)
    await until(() => logOf(folder).filter((line) => line.startsWith("started")).length === 2)
    folder.write("shop/go", "")
    const { code, stderr, stdout } = await result
    expect([code, stderr]).toEqual([0, expect.stringContaining("run 1 goes on\n")])
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/ done$/)
  }, 60_000)

  test("says that a run is queued, and takes it out of the queue with Ctrl-C", async () => {
    using folder = makeServer()
    const { jiji, server, token } = await setUp(folder)
    await jiji(["--detach", "run", "gate"]).result
    await until(hasStarted(folder))
    const output = join(folder.root, "stderr")
    const child = Bun.spawn([program, "--remote", server.url, "run", "gate"], {
      cwd: folder.root,
      env: { PATH: "/usr/bin:/bin", HOME: folder.root, JIJI_TOKEN: token },
      stdin: "ignore",
      stdout: "pipe",
      stderr: Bun.file(output)
    })
    await until(
      () => (existsSync(output) ? readFileSync(output, "utf8") : ""),
      (text) => text.includes("run 2 is queued: it starts when others have ended\n")
    )
    child.kill("SIGINT")
    expect([await child.exited, await child.stdout.text()]).toEqual([130, ""])
    expect(readFileSync(output, "utf8")).toContain("interrupted: cancelling run 2")
    await untilStatus(server, token, 2, "cancelled")
    const waiting = jiji(["run", "gate"])
    await until(async () => property((await server.request(token, "/api/runs/3")).body, "status") === "queued")
    folder.write("shop/go", "")
    expect((await waiting.result).code).toBe(0)
  }, 60_000)

  test("starts a run without following it, and shows it later", async () => {
    using folder = makeServer()
    const { jiji, server, token } = await setUp(folder)
    expect(await jiji(["--detach", "run", "gate"]).result).toEqual({ code: 0, stdout: "1\n", stderr: "" })
    await until(hasStarted(folder))
    // A run that others started is only looked at.
    const following = jiji(["runs", "follow", "1"])
    const { child } = following
    await until(async () => (await jiji(["runs"]).result).stdout.includes("running"))
    child.kill("SIGINT")
    expect((await following.result).code).toBe(130)
    expect((await jiji(["runs", "show"]).result).stdout).toMatch(/^… gate of shop running for .*✓ prepare/s)
    folder.write("shop/go", "")
    await untilStatus(server, token, 1, "succeeded")
    expect((await jiji(["runs", "follow", "1"]).result).stdout).toMatch(/ gate, run .* wait: done in .* done\n$/s)
    const { stdout } = await jiji(["runs"]).result
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["RUN", "AGO", "PROJECT", "COMMAND", "STATUS", "TIME", "BY"],
      ["1", "just now", "shop", "run gate", "succeeded", expect.any(String), "ci"],
      [""]
    ])
    expect((await jiji(["runs", "show", "1"]).result).stdout).toMatch(/^✓ gate of shop done in .* by ci\n.*✓ wait/s)
    const html = join(folder.root, "run.html")
    expect((await jiji(["runs", "show", "1", "--html", html]).result).code).toBe(0)
    expect(readFileSync(html, "utf8")).toContain("gate of shop")
    expect((await jiji(["list"]).result).stdout).toContain("hello  Say hello")
  }, 60_000)

  test("refuses what a token may not do, and what cannot run there", async () => {
    using folder = makeServer({ "clients/blog/.jiji/deploy.yml": "project: blog\n" })
    const { jiji, server, token } = await setUp(folder, "look")
    const fails = async (args: ReadonlyArray<string>, code: number, text: string, options?: Options) => {
      const failed = await jiji(args, options).result
      expect([args.join(" "), failed.code, failed.stderr]).toEqual([
        args.join(" "),
        code,
        expect.stringContaining(text)
      ])
    }
    await fails(["--project", "shop", "deploy"], 77, "This needs the role run, but the token ci has the role look.")
    await fails(["--project", "shop", "cancel", "1"], 77, "This needs the role run")
    await fails(["deploy"], 77, "does not accept the token", { env: { JIJI_TOKEN: `${token.slice(0, -3)}AAA` } })
    await fails(["deploy"], 77, "There is no token for http", { env: { JIJI_TOKEN: "" } })
    await fails(["deploy"], 2, "It serves clients/blog and shop.")
    const here = await local(folder, "run", "hello", "--name", "ann", "--remote", server.url)
    expect(here).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Put --remote before the command: jiji --remote … run hello")
    })
    await fails(["exec", "web", "--", "ls"], 2, "`jiji exec` does not run on a jiji serve: A token is not a shell")
    await fails(["runs", "show", "mf3k"], 2, '"mf3k" is not the number of a run')
    await fails(["runs", "show", "7"], 2, "There is no run 7.")
    // With JIJI_REMOTE, what would reach servers from here is refused, and what is about this machine runs.
    const env = { JIJI_REMOTE: server.url }
    expect(await start(folder, token, ["ps"], { env }).result).toMatchObject({ code: 2 })
    expect((await start(folder, token, ["schema"], { env }).result).stdout).toContain('"$schema"')
    expect(await start(folder, token, ["runs"], { env }).result).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("No runs on")
    })
    expect(await start(folder, token, ["cancel", "1"]).result).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Name it: `jiji --remote URL cancel`, or set JIJI_REMOTE.")
    })
  }, 60_000)

  test("chooses the project of the current folder's deploy.yml, and reads the token from a file", async () => {
    const other = "project: blog\nservers: { web1: { host: 127.0.0.1, port: 1 } }\nservices: {}\n"
    using folder = makeServer({ "clients/blog/.jiji/deploy.yml": other, "elsewhere/.jiji/deploy.yml": other })
    const { jiji, server, token } = await setUp(folder)
    const cwd = join(folder.projects, "elsewhere")
    const isOf = async (run: ReturnType<typeof jiji>) => {
      const { stderr, stdout } = await run.result
      const id = Number(stdout)
      if (Number.isNaN(id)) return stderr
      return property((await server.request(token, `/api/runs/${id}`)).body, "project")
    }
    expect(await isOf(jiji(["--detach", "--project", "shop", "run", "hello", "--name=a"], { cwd }))).toBe("shop")
    expect(await isOf(jiji(["deploy", "--detach"], { cwd }))).toBe("clients/blog")
    const file = join(folder.root, "token")
    writeFileSync(file, `${token}\n`, { mode: 0o644 })
    const fromFile = () => jiji(["--token-file", file, "deploy", "--detach"], { cwd, env: { JIJI_TOKEN: "" } })
    expect(await fromFile().result).toMatchObject({
      code: 77,
      stderr: expect.stringContaining(`Other users can read the token in ${file}.`)
    })
    chmodSync(file, 0o600)
    expect((await fromFile().result).code).toBe(0)
    const stdin = jiji(["--token-file=-", "runs"], { env: { JIJI_TOKEN: "" }, stdin: `${token}\n` })
    expect((await stdin.result).code).toBe(0)
  }, 60_000)
})
