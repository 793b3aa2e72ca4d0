import { Database } from "bun:sqlite"
import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { descendants, kill } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { deployFile, makeServer, property, type Server, start, untilStatus } from "./server.ts"

compileFirst()

/** How long this takes, at least: `JIJI_KILL_SECONDS=120 JIJI_KILL_SEED=7 bun test ./test/serve/kills.test.ts` finds more. */
const seconds = Number(process.env["JIJI_KILL_SECONDS"] ?? 10)
const seed = Number(process.env["JIJI_KILL_SEED"] ?? 1)
const runs = 20
const steps = ["one", "two", "three", "four"] as const

/** Each step writes when it begins and ends, and has its result stored. */
const pipeline = `import { Effect, Schema } from "effect"
import { appendFileSync } from "node:fs"
import { Pipeline, Runnable, Step } from "jiji"
const say = (text: string) => Effect.sync(() => appendFileSync("log", text + "\\n"))
const work = (name: string) => Step.make(name, ({ id }: { readonly id: number }) => Effect.gen(function* () {
  yield* say(id + " " + name + " begins")
  yield* Effect.sleep(${seconds * 20})
  yield* say(id + " " + name + " ends")
  return {}
}), { result: Schema.Struct({}) })
export default Runnable.make({
  description: "Work",
  flags: Schema.Struct({ id: Schema.Int }),
  retries: { times: 20, delay: "100 millis" },
  pipeline: Pipeline.make<{ readonly id: number }>("work").pipe(
    ${steps.map((name) => `Pipeline.step(work("${name}"))`).join(",\n    ")}
  )
})
`

/** Numbers from 0 to 1, the same for each seed: mulberry32. */
const randoms = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

describe("jiji serve, while its processes are killed", () => {
  test(
    `ends all of ${runs} runs, and runs no completed step twice (seed ${seed})`,
    async () => {
      const projects = ["a", "b", "c", "d"]
      using folder = makeServer(
        Object.fromEntries(
          projects.flatMap((name) => [
            [`${name}/.jiji/deploy.yml`, deployFile],
            [`${name}/.jiji/pipelines/work.ts`, pipeline]
          ])
        )
      )
      const token = folder.token("ci", "run")
      const random = randoms(seed)
      let server: Server = await folder.serve()
      const ids: Array<number> = []
      for (let id = 0; id < runs; id++) {
        ids.push(
          await start(server, token, { project: projects[id % projects.length], pipeline: "work", input: { id } })
        )
      }
      const all = async (): Promise<ReadonlyArray<unknown>> => {
        const { body } = await server.request(token, "/api/runs?limit=500")
        return Array.isArray(body) ? body : []
      }
      const isOver = (run: unknown) => property(run, "ended") !== undefined
      const logOf = (name: string) => {
        const file = join(folder.projects, name, "log")
        return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []
      }
      const linesOf = () => projects.flatMap(logOf)
      const end = performance.now() + 3 * seconds * 1000
      let serversKilled = 0
      let workersKilled = 0
      while (performance.now() < end && !(await all()).every(isOver)) {
        // A run that is killed three times without completing a step fails, as it should.
        if (random() < 0.15 && serversKilled < Math.max(2, seconds / 10)) {
          serversKilled++
          server.child.kill("SIGKILL")
          await server.exited()
          server = await folder.serve()
        } else {
          const workers = descendants(server.child.pid)
          const one = workers[Math.floor(random() * workers.length)]
          if (one !== undefined) {
            workersKilled++
            kill(one)
          }
        }
        // Goes on when some more work is done.
        const wanted = linesOf().length + 2 + Math.floor(10 * random())
        await until(async () => linesOf().length >= wanted || (await all()).every(isOver))
      }
      const ended = await until(all, (found) => found.every(isOver), { timeout: 60_000 + seconds * 1000, every: 200 })
      expect(ended.map((run) => [property(run, "id"), property(run, "status"), property(run, "reason")])).toEqual(
        ids.toReversed().map((id) => [id, "succeeded", undefined])
      )
      expect(serversKilled).toBeGreaterThan(0)
      expect(workersKilled).toBeGreaterThan(3)
      for (const [number, id] of ids.entries()) {
        const events = (await server.events(token, id)).map(({ data }) => data)
        for (const name of steps) {
          const completed = events.filter(
            (event) => event._tag === "StepSucceeded" && property(event, "path") === `work/${name}`
          )
          // Only the first one has really run it.
          expect(completed.slice(1).map((event) => property(event, "resumed"))).toEqual(
            completed.slice(1).map(() => true)
          )
          const lines = linesOf().filter((line) => line === `${number} ${name} ends`)
          expect(lines.length).toBeGreaterThanOrEqual(1)
          // One that has written its end may be cut off before its result is stored: that takes a millisecond.
          expect(lines.length).toBeLessThanOrEqual(2)
        }
      }
    },
    (10 * seconds + 120) * 1000
  )

  test("does not run again what had succeeded just before", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/work.ts": pipeline })
    const token = folder.token("ci", "run")
    const first = await folder.serve()
    const id = await start(first, token, { project: "shop", pipeline: "work", input: { id: 1 } })
    await untilStatus(first, token, id, "succeeded")
    first.child.kill("SIGKILL")
    await first.exited()
    const state = join(folder.root, ".local/state/jiji")
    {
      using history = new Database(join(state, "runs.sqlite"), { readonly: true })
      const owner = history.query<{ readonly owner: string }, []>("SELECT owner FROM runs").get()?.owner ?? ""
      using db = new Database(join(state, "serve.sqlite"))
      // As it was before it learnt the ID of the run, and that it has ended.
      db.query("UPDATE runs SET status = 'running', ended = NULL, process_run = NULL, owner = ?").run(owner)
    }
    const server = await folder.serve()
    expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({ attempt: 2 })
    expect(readFileSync(join(folder.projects, "shop/log"), "utf8").trimEnd().split("\n")).toHaveLength(8)
  }, 60_000)
})
