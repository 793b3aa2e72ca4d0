import { describe, expect, test } from "bun:test"
import { Database } from "bun:sqlite"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { descendants, isAlive } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { deployFile, gate, makeServer, property, start, untilStatus } from "./server.ts"

compileFirst()

const run = { project: "shop", command: ["run", "gate"] }

/** What the pipeline has written, line by line. */
const logOf = (folder: { readonly projects: string }, project = "shop") => {
  const file = join(folder.projects, project, "log")
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []
}
/** What its steps have done, without their process IDs. */
const workOf = (folder: { readonly projects: string }) => logOf(folder).map((line) => line.split(" ")[0])
const started = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("started "))
const pidOf = (line: string | undefined) => Number(line?.split(" ")[1])

describe("the queue of jiji serve", () => {
  test("runs one run of a project at a time, and those of others beside it", async () => {
    using folder = makeServer({ "other/.jiji/deploy.yml": deployFile, "other/.jiji/pipelines/gate.ts": gate })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const first = await start(server, token, run)
    const second = await start(server, token, run)
    const other = await start(server, token, { ...run, project: "other" })
    await until(() => started(logOf(folder)).length === 1 && started(logOf(folder, "other")).length === 1)
    expect(await untilStatus(server, token, second, "queued")).toMatchObject({ attempt: 0 })
    folder.write("shop/go", "")
    await untilStatus(server, token, first, "succeeded")
    await untilStatus(server, token, second, "succeeded")
    expect(workOf(folder)).toEqual(["prepared", "started", "went", "prepared", "started", "went"])
    folder.write("other/go", "")
    await untilStatus(server, token, other, "succeeded")
  }, 60_000)

  test("cancels a queued run at once, and a running one as Ctrl-C does", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const first = await start(server, token, run)
    const second = await start(server, token, run)
    await until(() => started(logOf(folder)).length === 1)
    const cancel = (id: number) => server.request(token, `/api/runs/${id}/cancel`, { method: "POST" })
    expect((await cancel(second)).body).toMatchObject({ id: second, status: "cancelled" })
    const following = server.events(token, first)
    expect((await cancel(first)).status).toBe(202)
    await untilStatus(server, token, first, "cancelled")
    expect((await following).at(-1)?.data._tag).toBe("RunInterrupted")
    expect(workOf(folder)).toEqual(["prepared", "started", "undone"])
    expect((await cancel(99)).status).toBe(404)
    // Cancelling what has ended changes nothing.
    expect((await cancel(second)).body).toMatchObject({ status: "cancelled" })
  }, 60_000)

  test("starts a run again that was running when jiji serve was killed, after its process has ended", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const killed = await folder.serve()
    const first = await start(killed, token, run)
    const second = await start(killed, token, run)
    await until(() => started(logOf(folder)).length === 1)
    // Its first events are stored.
    await until(async () => property((await killed.request(token, `/api/runs/${first}`)).body, "run") !== undefined)
    const pid = pidOf(started(logOf(folder))[0])
    const workers = descendants(killed.child.pid)
    // That of the run, the one that is ready for the next, and the one that knows the project's pipelines.
    expect(workers.length).toBeGreaterThanOrEqual(3)
    killed.child.kill("SIGKILL")
    await killed.exited()
    await until(() => !workers.some(isAlive))
    const server = await folder.serve()
    await until(() => started(logOf(folder)).length === 2)
    // The old process had ended before the new one began; the log says that it had undone its steps, too.
    expect(isAlive(pid)).toBe(false)
    folder.write("shop/go", "")
    expect(await untilStatus(server, token, first, "succeeded")).toMatchObject({ attempt: 2 })
    await untilStatus(server, token, second, "succeeded")
    expect(workOf(folder)).toEqual([
      "prepared",
      "started",
      "undone",
      "prepared",
      "started",
      "went",
      "prepared",
      "started",
      "went"
    ])
    // The events of both attempts are there, in order.
    const events = await server.events(token, first)
    expect(events.filter(({ data }) => data._tag === "RunStarted")).toHaveLength(2)
    expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted((a, b) => a - b))
  }, 60_000)

  test("does not run finished steps of such a run again, unless the history of its machine is lost", async () => {
    const stamped = gate
      .replace("import { Pipeline, Step }", 'import { Schema } from "effect"\nimport { Pipeline, Step }')
      .replace(
        '  Pipeline.step(Step.make("wait"',
        '  Pipeline.step(Step.make("stamp", () => Effect.as(say("stamped"), { at: 1 }), { result: Schema.Struct({ at: Schema.Int }) })),\n  Pipeline.step(Step.make("wait"'
      )
    using folder = makeServer({ "shop/.jiji/pipelines/gate.ts": stamped })
    const token = folder.token("ci", "run")
    const count = (text: string) => logOf(folder).filter((line) => line === text).length
    /** Kills a server once it has stored the first events of an attempt. Returns the attempt's run. */
    const kill = async (server: Awaited<ReturnType<typeof folder.serve>>, id: number, earlier?: unknown) => {
      const { body } = await until(
        () => server.request(token, `/api/runs/${id}`),
        ({ body }) => property(body, "run") !== undefined && property(body, "run") !== earlier
      )
      await until(() => started(logOf(folder)).length === property(body, "attempt"))
      server.child.kill("SIGKILL")
      await server.exited()
      return property(body, "run")
    }
    const first = await folder.serve()
    const id = await start(first, token, run)
    const earlier = await kill(first, id)
    await kill(await folder.serve(), id, earlier)
    expect([count("prepared"), count("stamped")]).toEqual([2, 1])
    rmSync(join(folder.root, ".local/state/jiji/runs.sqlite"))
    folder.write("shop/go", "")
    const last = await folder.serve()
    await untilStatus(last, token, id, "succeeded")
    expect([count("prepared"), count("stamped")]).toEqual([3, 2])
    const starts = (await last.events(token, id)).filter(({ data }) => data._tag === "RunStarted")
    expect(starts.map(({ data }) => "resumes" in data)).toEqual([false, true, false])
  }, 60_000)

  test("gives up a run that was running when jiji serve was killed three times", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    for (const attempt of [1, 2, 3]) {
      const server = await folder.serve()
      if (attempt === 1) await start(server, token, run)
      await until(() => started(logOf(folder)).length === attempt)
      server.child.kill("SIGKILL")
      await server.exited()
    }
    const server = await folder.serve()
    expect(await untilStatus(server, token, 1, "failed")).toMatchObject({
      reason: "jiji serve was killed 3 times while it ran"
    })
  }, 60_000)

  test("waits for its runs when it is stopped, and leaves those in the queue for the next start", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const stopped = await folder.serve()
    const first = await start(stopped, token, run)
    await until(() => started(logOf(folder)).length === 1)
    const second = await start(stopped, token, run)
    stopped.child.kill("SIGTERM")
    await until(async () => (await fetch(`${stopped.url}/ready`)).status === 503)
    expect((await fetch(`${stopped.url}/health`)).status).toBe(200)
    expect((await stopped.request(token, "/api/runs", { json: run })).status).toBe(503)
    folder.write("shop/go", "")
    expect(await stopped.exited()).toBe(130)
    expect(stopped.stderr()).toContain("Stopping: waiting for 1 run. Queued runs start with the next jiji serve.\n")
    expect(workOf(folder)).toEqual(["prepared", "started", "went"])
    const server = await folder.serve()
    expect(await untilStatus(server, token, first, "succeeded")).toMatchObject({ attempt: 1 })
    await untilStatus(server, token, second, "succeeded")
  }, 60_000)

  test("interrupts runs that take too long to end when it is stopped, and starts them again", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const stopped = await folder.serve("--drain", "0s")
    const id = await start(stopped, token, run)
    await until(() => started(logOf(folder)).length === 1)
    stopped.child.kill("SIGTERM")
    expect(await stopped.exited()).toBe(130)
    expect(workOf(folder)).toEqual(["prepared", "started", "undone"])
    folder.write("shop/go", "")
    const server = await folder.serve()
    expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({ attempt: 2 })
  }, 60_000)

  test("fails a run whose process is killed, or whose code ends it, and goes on", async () => {
    const exits = `import { Effect } from "effect"
import { Pipeline, Step } from "jiji"
process.stdout.write('{"_tag":"RunSucceeded"}\\nnot json\\n')
export default Pipeline.make("exits").pipe(Pipeline.step(Step.make("now", () => Effect.sync(() => process.exit(0)))))
`
    using folder = makeServer({ "shop/.jiji/pipelines/exits.ts": exits })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const first = await start(server, token, run)
    await until(() => started(logOf(folder)).length === 1)
    process.kill(pidOf(started(logOf(folder))[0]), "SIGKILL")
    expect(await untilStatus(server, token, first, "failed")).toMatchObject({
      reason: "its process was killed by SIGKILL"
    })
    const second = await start(server, token, { project: "shop", command: ["run", "exits"] })
    expect(await untilStatus(server, token, second, "failed")).toMatchObject({
      reason: expect.stringContaining("process.exit(0)")
    })
    folder.write("shop/go", "")
    await untilStatus(server, token, await start(server, token, run), "succeeded")
  }, 60_000)

  test("loses nothing while its database cannot be written, and says so", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const first = await start(server, token, run)
    await until(() => started(logOf(folder)).length === 1)
    using db = new Database(join(folder.root, ".local/state/jiji/serve.sqlite"))
    // The server may be writing.
    db.run("PRAGMA busy_timeout = 10000")
    db.run("BEGIN IMMEDIATE")
    const refused = await server.request(token, "/api/runs", { json: run })
    expect([refused.status, refused.message]).toEqual([
      503,
      "The database of jiji serve does not answer. Try again later."
    ])
    expect((await fetch(`${server.url}/ready`)).status).toBe(503)
    // The run ends now, and its end cannot be stored yet.
    folder.write("shop/go", "")
    await until(() => logOf(folder).includes("went"))
    db.run("ROLLBACK")
    await untilStatus(server, token, first, "succeeded")
    const events = await server.events(token, first)
    expect(events.at(-1)?.data._tag).toBe("RunSucceeded")
    expect((await fetch(`${server.url}/ready`)).status).toBe(200)
  }, 60_000)

  test("keeps secrets out of the database", async () => {
    const leak = `import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { Pipeline, Runnable, Secrets, Step } from "jiji"
export default Pipeline.make("leak").pipe(
  Pipeline.step(Step.make("print", () => Effect.gen(function* () {
    yield* (yield* Secrets).resolve(["PASSWORD"])
    console.log("printed hunter" + "22")
    yield* Effect.logInfo("logged hunter" + "22")
    return yield* Effect.die(new Error("failed with hunter" + "22"))
  })))
)
`
    using folder = makeServer({ "shop/.jiji/pipelines/leak.ts": leak, "shop/.env": "PASSWORD=hunter22\n" })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, { project: "shop", command: ["run", "leak"] })
    await untilStatus(server, token, id, "failed")
    expect(JSON.stringify(await server.events(token, id))).toContain("logged ")
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    for (const each of [file, `${file}-wal`]) expect(readFileSync(each, "latin1")).not.toContain("hunter22")
    // What the code prints itself goes where the service's output goes.
    expect(server.stderr()).toContain("printed hunter22")
  }, 60_000)
})

describe("jiji serve", () => {
  test("refuses a second process on its database, and an address of the network without a token", async () => {
    using folder = makeServer()
    const open = folder.jiji("serve", folder.projects, "--host", "0.0.0.0", "--port", "0")
    expect([open.code, open.stderr]).toEqual([
      77,
      "error: jiji serve does not listen on 0.0.0.0 before there is a token.\n  → Create one first: `jiji token create NAME --role administer`.\n"
    ])
    const server = await folder.serve()
    const { code, stderr } = folder.jiji("serve", folder.projects, "--port", "0")
    expect([code, stderr]).toEqual([69, expect.stringContaining("Another jiji serve (process ")])
    const taken = folder.jiji(
      "serve",
      folder.projects,
      "--port",
      new URL(server.url).port,
      "--state",
      join(folder.root, "other.sqlite")
    )
    expect([taken.code, taken.stderr]).toEqual([69, expect.stringContaining("the port is in use")])
    expect(folder.jiji("serve", "/nowhere").code).toBe(2)
    // A token of another database does not count.
    folder.token("ci", "look")
    const other = await folder.serve("--host", "0.0.0.0", "--state", join(folder.root, "third.sqlite"))
    expect(other.url).toContain("exited: error: jiji serve does not listen on 0.0.0.0")
  }, 60_000)

  test("does not listen on other addresses unless it is asked", async () => {
    using folder = makeServer()
    const server = await folder.serve()
    expect(server.url).toStartWith("http://127.0.0.1:")
    const { port } = new URL(server.url)
    expect(
      readFileSync("/proc/net/tcp", "utf8")
        .split("\n")
        .filter((line) =>
          line.includes(`:${Number(port).toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`)
        )
        .map((line) => line.trim().split(/\s+/)[1]?.split(":")[0])
    ).toEqual(["0100007F"])
  }, 60_000)

  test("says that a database is damaged, or made by a newer jiji", () => {
    using folder = makeServer({ "damaged.sqlite": "no database ".repeat(100) })
    const damaged = folder.jiji("token", "list", "--state", join(folder.projects, "damaged.sqlite"))
    expect([damaged.code, damaged.stderr]).toEqual([
      69,
      expect.stringContaining("Cannot open the database of jiji serve in ")
    ])
    folder.token("ci", "look")
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    using db = new Database(file)
    db.run("INSERT INTO migrations (migration_id, name) VALUES (99, 'later')")
    const newer = folder.jiji("token", "list")
    expect([newer.code, newer.stderr]).toEqual([
      69,
      expect.stringContaining("A newer version of jiji has changed the database")
    ])
  }, 60_000)
})
