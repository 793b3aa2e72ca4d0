import { Database } from "bun:sqlite"
import { afterAll, describe, expect, test } from "bun:test"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Result, Schema, Stream } from "effect"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { OpenJournal } from "../../src/pipeline/interpreter/Journal.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { changedNodes, changedPaths, fingerprint, nodesOf } from "../../src/record/fingerprint.ts"
import { openJournal } from "../../src/record/journal.ts"
import { currentOwner } from "../../src/record/Owner.ts"
import { prune } from "../../src/record/prune.ts"
import { listRuns, readRun } from "../../src/record/read.ts"
import { renderPage } from "../../src/record/renderPage.ts"
import { renderRun } from "../../src/record/renderRun.ts"
import { recorder } from "../../src/record/recorder.ts"
import { claimRun, type Wanted } from "../../src/record/resume.ts"
import { sendSignal } from "../../src/record/signal.ts"
import { buildTree } from "../../src/record/tree.ts"
import { until } from "../support/waiting.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-journal-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = () => join(folder, `${++files}`, "runs.sqlite")

const info = { project: "shop", servers: ["web1"], who: "me@here" }
const input = { words: ["run", "release"], folder: "/home/me/shop", project: { name: "a" }, pipeline: ["release"] }

/** A release whose `ship` fails until it is repaired. */
const makeRelease = (made = "image") => {
  const runs: Array<string> = []
  let isBroken = true
  const build = Step.make("build", () => Effect.sync(() => (runs.push("build"), { made })), {
    result: Schema.Struct({ made: Schema.String })
  })
  const ship = Step.make("ship", () =>
    Effect.suspend(() => {
      runs.push("ship")
      return isBroken ? Effect.fail("broken") : Effect.void
    })
  )
  const pipeline = Pipeline.make("release").pipe(Pipeline.step(build), Pipeline.step(ship))
  return { pipeline, runs, repair: () => void (isBroken = false) }
}

interface Release {
  readonly pipeline: Pipeline.Pipeline<{}, unknown, unknown, Events | Scrubber>
}

/** Runs a release with a journal in the history, and records it. Returns its exit and its events. */
const start = (
  file: string,
  { pipeline }: Release,
  given: { readonly resumes?: string; readonly secret?: string; readonly words?: ReadonlyArray<string> } = {}
) =>
  Effect.gen(function* () {
    const { resumes, secret, words = input.words } = given
    if (secret !== undefined) (yield* Scrubber).add(Redacted.make(secret))
    const { subscribe } = yield* Events
    const events: Array<Event> = []
    const reading = Stream.runForEach(yield* subscribe, (event) => Effect.sync(() => events.push(event)))
    yield* Effect.forkScoped(reading, { startImmediately: true })
    const recording = recorder(file, info, () => {})(yield* subscribe)
    const follower = yield* Effect.forkScoped(recording, { startImmediately: true })
    const open = yield* openJournal(file, info, { ...input, words }, resumes)
    const exit = yield* Effect.exit(Effect.provideService(Pipeline.run(pipeline, {}), OpenJournal, open))
    yield* Fiber.await(follower)
    return { exit, events }
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))), Effect.runPromise)

const claim = (file: string, wanted: Wanted) => Effect.runPromiseExit(claimRun(file, wanted))

const errorOf = <A>(exit: Exit.Exit<A, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** Reads or changes the file as another process does. */
const query = (file: string, sql: string): ReadonlyArray<unknown> => {
  const db = new Database(file)
  try {
    return db.query(sql).values()
  } finally {
    db.close()
  }
}

const idOf = (events: ReadonlyArray<Event>): string => events[0]?.run ?? ""

describe("the journal in the run history", () => {
  test("goes on with a failed run: finished steps do not run again, and the history knows which run continues which", async () => {
    const file = newFile()
    const release = makeRelease()
    const first = await start(file, release)
    expect(Exit.isFailure(first.exit)).toBe(true)
    const id = idOf(first.events)
    expect(await claim(file, { project: "shop" })).toEqual(Exit.succeed({ id, input }))
    release.repair()
    const second = await start(file, release, { resumes: id })
    expect(Exit.isSuccess(second.exit)).toBe(true)
    expect(release.runs).toEqual(["build", "ship", "ship"])
    expect(second.events[0]).toMatchObject({ _tag: "RunStarted", resumes: id })
    const runs = await Effect.runPromise(listRuns(file, 10))
    expect(runs.map(({ outcome, resumes }) => ({ outcome, resumes }))).toEqual([
      { outcome: "succeeded", resumes: id },
      { outcome: "failed", resumes: undefined }
    ])
    const { events: stored, run } = await Effect.runPromise(readRun(file, Option.none()))
    const tree = buildTree(stored, run.servers)
    expect(renderPage(run, tree)).toContain(`<dt>Resumes</dt><dd>${id}</dd>`)
    const text = renderRun(run, tree, run.began, { colors: false, columns: 100 }).join("\n")
    expect(text).toContain(`resumes ${id}`)
    expect(text).toMatch(/✓ build .*done before/)
    expect(errorOf(await claim(file, { id }))).toMatchObject({ _tag: "RunResumedBefore", by: idOf(second.events) })
    expect(errorOf(await claim(file, { id: idOf(second.events) }))).toMatchObject({ why: "succeeded" })
    expect(errorOf(await claim(file, { project: "shop" }))).toMatchObject({ _tag: "NothingToResume" })
  })

  test("has the run and its steps before the recorder writes its events, so that a killed run can be resumed", async () => {
    const file = newFile()
    const release = makeRelease()
    const seen: Array<unknown> = []
    const look = Step.make("look", () => Effect.sync(() => void seen.push(...query(file, "SELECT path FROM journal"))))
    const edited = Result.getOrThrow(Pipeline.insertAfter("release/build", look)(release.pipeline))
    await start(file, { pipeline: edited })
    expect(seen).toEqual([["release/build"]])
  })

  test("stores no result with a secret: the step runs again", async () => {
    const file = newFile()
    const release = makeRelease("hunter22 is the password")
    const first = await start(file, release, { secret: "hunter22" })
    expect(query(file, "SELECT * FROM journal")).toEqual([])
    await start(file, release, { resumes: idOf(first.events), secret: "hunter22" })
    expect(release.runs).toEqual(["build", "ship", "build", "ship"])
  })

  test("keeps no secret that a later step has read, neither in results nor in the command line", async () => {
    const file = newFile()
    const { pipeline } = makeRelease("hunter22 is the password")
    const learn = Step.make("learn", () =>
      Effect.map(Effect.service(Scrubber), (scrubber) => scrubber.add(Redacted.make("hunter22")))
    )
    const edited = Result.getOrThrow(Pipeline.insertAfter("release/build", learn)(pipeline))
    const words = [...input.words, "--url", "https://me:hunter22@example.com"]
    const { events } = await start(file, { pipeline: edited }, { words })
    expect(query(file, "SELECT * FROM journal")).toEqual([])
    expect(errorOf(await claim(file, { id: idOf(events) }))).toMatchObject({ why: "command" })
  })

  test("does not resume a run that is still alive, nor one that another process is resuming", async () => {
    const file = newFile()
    const { events } = await start(file, makeRelease())
    const id = idOf(events)
    // This process is alive.
    query(file, "UPDATE runs SET outcome = NULL")
    expect(errorOf(await claim(file, { id }))).toMatchObject({ _tag: "RunNotResumable", why: "running" })
    expect(errorOf(await claim(file, { project: "shop" }))).toMatchObject({ _tag: "NothingToResume" })
    query(file, "UPDATE runs SET outcome = 'failed'")
    const other = Bun.spawn(["cat"], { stdin: "pipe" })
    try {
      const ticks = (await Bun.file(`/proc/${other.pid}/stat`).text()).split(") ").at(-1)?.split(" ")[19]
      const owner = currentOwner().split(" ")
      query(file, `UPDATE runs SET claim = '${owner[0]} ${owner[1]} ${other.pid} ${ticks}'`)
      expect(errorOf(await claim(file, { id }))).toMatchObject({ _tag: "RunNotResumable", why: "resuming" })
    } finally {
      other.kill()
      await other.exited
    }
    // It is gone before it has done anything.
    expect(Exit.isSuccess(await claim(file, { id }))).toBe(true)
  })

  test("finds the last run of the project that can be resumed", async () => {
    const file = newFile()
    const first = await start(file, makeRelease())
    const second = await start(file, makeRelease())
    query(file, `UPDATE runs SET project = 'blog' WHERE id = '${idOf(second.events)}'`)
    expect(await claim(file, { project: "shop" })).toMatchObject({ value: { id: idOf(first.events) } })
    // A run of a command that cannot be resumed has no input.
    query(file, "UPDATE runs SET input = NULL")
    expect(errorOf(await claim(file, { project: "shop" }))).toMatchObject({ _tag: "NothingToResume", project: "shop" })
    expect(errorOf(await claim(file, { id: idOf(first.events) }))).toMatchObject({ why: "command" })
    const missing = newFile()
    expect(errorOf(await claim(missing, { project: "shop" }))).toMatchObject({ _tag: "NothingToResume" })
    expect(errorOf(await claim(missing, { id: "m" }))).toMatchObject({ _tag: "NoRunKept" })
  })

  test("goes on without a journal if the history cannot be written, and says so once", async () => {
    const file = newFile()
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, "this is no database")
    chmodSync(file, 0o600)
    const release = makeRelease()
    release.repair()
    const again = Step.make("again", () => Effect.succeed({ made: "again" }), {
      result: Schema.Struct({ made: Schema.String })
    })
    const pipeline = release.pipeline.pipe(Pipeline.step(again))
    const { events, exit } = await start(file, { pipeline })
    expect(Exit.isSuccess(exit)).toBe(true)
    const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
    expect(notes).toEqual([expect.stringContaining("This run cannot be resumed later. Cannot read the run history")])
  })

  test("is deleted with its run", async () => {
    const file = newFile()
    await start(file, makeRelease())
    await start(file, makeRelease())
    expect(query(file, "SELECT * FROM journal")).toHaveLength(2)
    const db = new Database(file)
    db.run("PRAGMA foreign_keys = ON")
    prune(db, Date.now() + 1000, { runs: 1, days: 90, bytes: 1e9 })
    db.close()
    expect(query(file, "SELECT * FROM journal")).toHaveLength(1)
  })
})

describe("what has changed since a run began", () => {
  test("names the keys that differ, by the names of list items, and nothing of secrets", () => {
    const project = (port: string, image: string) => ({
      name: "shop",
      servers: [{ name: "web1", host: "h", connectTimeout: Duration.seconds(3) }],
      services: [
        { name: "web", ports: [port], password: Redacted.make(image) },
        { name: "api", image }
      ]
    })
    const before = fingerprint(project("80:80", "a"))
    expect(changedPaths(before, fingerprint(project("80:80", "a")))).toEqual([])
    expect(changedPaths(before, fingerprint(project("81:80", "b")))).toEqual([
      "services.api.image",
      "services.web.ports[0]"
    ])
    const { servers, ...rest } = project("80:80", "a")
    expect(
      changedPaths(before, fingerprint({ ...rest, servers: [{ ...servers[0], connectTimeout: Duration.seconds(4) }] }))
    ).toEqual(["servers.web1.connectTimeout"])
    expect(changedPaths(before, fingerprint({ ...rest, servers: [] }))).toEqual(["servers"])
    expect(JSON.stringify(before)).not.toContain("shop")
  })

  test("names the nodes that were added or removed", () => {
    const { pipeline } = makeRelease()
    const nodes = nodesOf(Pipeline.describe(pipeline))
    expect(nodes).toEqual(["release", "release/build", "release/ship"])
    expect(changedNodes(nodes, ["release", "release/build", "release/smoke"])).toEqual([
      "added release/smoke",
      "removed release/ship"
    ])
  })
})

describe("signals in the run history", () => {
  const Approval = Schema.Struct({ tag: Schema.String })
  const release = Pipeline.make("release").pipe(
    Pipeline.step(Step.waitFor("approved", { schema: Approval })),
    Pipeline.step(Step.make("ship", () => Effect.void))
  )
  const send = (file: string, id: string, value: unknown, name = "approved") =>
    Effect.runPromise(sendSignal(file, id, { name, value, by: "ann" }))
  const waiting = (file: string) =>
    until(
      () =>
        existsSync(file)
          ? query(file, "SELECT id FROM runs JOIN journal ON run = number WHERE body LIKE '%Waiting%'")
          : [],
      (rows) => rows.length > 0
    )

  test("reach a run that waits, and only once", async () => {
    const file = newFile()
    const running = start(file, { pipeline: release })
    const [[id = ""] = []] = (await waiting(file)) as ReadonlyArray<ReadonlyArray<string>>
    expect(await send(file, id, true, "other")).toMatchObject({ id, isWaiting: false })
    expect(await send(file, id.slice(0, 10), { tag: 3 })).toMatchObject({ id, isWaiting: true })
    expect(await send(file, id, { tag: "v1" })).toMatchObject({ id, isWaiting: true, outcome: "running" })
    const { events, exit } = await running
    expect(Exit.isSuccess(exit)).toBe(true)
    const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
    expect(notes).toEqual([
      `waiting for approved: jiji signal ${id} approved`,
      expect.stringContaining("refused approved by ann"),
      "approved by ann"
    ])
    expect(query(file, "SELECT name, taken FROM signals ORDER BY number")).toEqual([
      ["other", null],
      ["approved", "release/approved"],
      ["approved", "release/approved"]
    ])
    const over = await Effect.runPromiseExit(sendSignal(file, id, { name: "approved", value: true, by: "ann" }))
    expect(errorOf(over)).toMatchObject({ _tag: "RunEnded" })
  })

  test("that come while nothing runs are found by the run that goes on", async () => {
    const file = newFile()
    const { events } = await start(file, makeRelease())
    const id = idOf(events)
    expect(await send(file, id, { tag: "v1" })).toMatchObject({ id, outcome: "failed" })
    const second = await start(file, { pipeline: release }, { resumes: id })
    expect(Exit.isSuccess(second.exit)).toBe(true)
  })

  test("go to the run that continues the one they are for", async () => {
    const file = newFile()
    const { events } = await start(file, makeRelease())
    const second = await start(file, makeRelease(), { resumes: idOf(events) })
    expect(await send(file, idOf(events), true)).toMatchObject({ id: idOf(second.events) })
  })
})
