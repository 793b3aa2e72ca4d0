import { Database } from "bun:sqlite"
import { afterAll, describe, expect, test } from "bun:test"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Option, Stream } from "effect"
import type { Event } from "../../src/core/Event.ts"
import { historyLimits } from "../../src/record/limits.ts"
import { openDatabase } from "../../src/record/Database.ts"
import { recorder } from "../../src/record/recorder.ts"
import { isAlive, currentOwner } from "../../src/record/Owner.ts"
import { prune } from "../../src/record/prune.ts"
import { listRuns, readRun } from "../../src/record/read.ts"
import type { RecordUnusable } from "../../src/record/RecordError.ts"
import { it } from "../support/effect.ts"
import { failedDeploy } from "./story.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-record-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = () => join(folder, `${++files}`, "state", "runs.sqlite")

const info = { project: "shop", environment: "staging", servers: ["web1", "web2"], who: "me@here" }

/** Records the events of a run and returns the warnings. */
const record = Effect.fnUntraced(function* (file: string, events: ReadonlyArray<Event>) {
  const warned: Array<RecordUnusable> = []
  yield* recorder(file, info, (error) => void warned.push(error))(Stream.fromIterable(events))
  return warned
})

const day = 24 * 60 * 60 * 1000
const deployEvents = failedDeploy()

describe("the run history", () => {
  it.live("stores every event unchanged, readable only by this user", () =>
    Effect.gen(function* () {
      const file = newFile()
      expect(yield* record(file, failedDeploy({ began: Date.now() }))).toEqual([])
      const { events, run } = yield* readRun(file, Option.none())
      expect(events).toEqual([...failedDeploy({ began: run.began })])
      expect(run).toMatchObject({
        ...info,
        id: "mf3k2a9c-7q1x",
        pipeline: "deploy",
        outcome: "failed",
        millis: 12_320,
        dropped: 0
      })
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700)
      // SQLite removes its other files when the last process closes the database.
      expect(readdirSync(join(file, ".."))).toEqual(["runs.sqlite"])
    })
  )

  it.live("does not mix in the events of a run that a step starts", () =>
    Effect.gen(function* () {
      const file = newFile()
      const now = Date.now()
      const [first, ...others] = failedDeploy({ began: now })
      if (first === undefined) throw new Error("no story")
      yield* record(file, [first, ...failedDeploy({ began: now, run: "inner" }), ...others])
      expect((yield* listRuns(file, 9)).map(({ id }) => id)).toEqual(["mf3k2a9c-7q1x"])
      expect((yield* readRun(file, Option.none())).events).toEqual([first, ...others])
    })
  )

  it.live("stores the start and the end of a huge output, and the last lines of a failed step", () =>
    Effect.gen(function* () {
      const file = newFile()
      const template = deployEvents.find(({ _tag }) => _tag === "StepOutput")
      if (template?._tag !== "StepOutput") throw new Error("no output in the story")
      const events: Array<Event> = []
      const add = (event: Event) => void events.push({ ...event, seq: events.length + 1 })
      const start = deployEvents.findIndex((event) => event._tag === "StepFailed")
      for (const event of failedDeploy({ began: Date.now() }).slice(0, start)) add(event)
      const path = "deploy/servers[web2]/services[web]/deploy"
      const flood = (from: string, count: number) => {
        for (let n = 0; n < count; n++) add({ ...template, path: from, line: `${n} ${"x".repeat(1000)}` })
      }
      flood("deploy/noise", 6000)
      add({ ...template, path, line: "the last line" })
      for (const event of deployEvents.slice(start, start + 1)) add(event)
      flood("deploy/noise", 3000)
      for (const event of deployEvents.slice(start + 1)) add(event)
      expect(yield* record(file, events)).toEqual([])
      const got = yield* readRun(file, Option.none())
      const lines = got.events.flatMap((event) => (event._tag === "StepOutput" ? [event.line.slice(0, 20)] : []))
      expect(lines).toContain("the last line")
      expect(lines.at(-1)).toStartWith("2999 ")
      expect(got.run.dropped).toBeGreaterThan(500)
      expect(lines.length + got.run.dropped).toBe(events.filter(({ _tag }) => _tag === "StepOutput").length)
      expect(statSync(file).size).toBeLessThan(9_000_000)
      // All other events are stored.
      const done = (all: ReadonlyArray<Event>) => all.filter(({ _tag }) => _tag !== "StepOutput").map(({ seq }) => seq)
      expect(done(got.events)).toEqual(done(events))
    })
  )

  it.live("skips rows and events that it cannot decode, and reads all others", () =>
    Effect.gen(function* () {
      const file = newFile()
      for (let n = 0; n < 6; n++) yield* record(file, failedDeploy({ run: `run${n}`, began: Date.now() + n }))
      const db = yield* openDatabase(file)
      db.run("UPDATE runs SET servers = '[1' WHERE id = 'run5'")
      db.run("UPDATE runs SET began = 8640000000000001 WHERE id = 'run4'")
      db.run("UPDATE runs SET seen = -9000000000000000000 WHERE id = 'run3'")
      db.run("UPDATE runs SET outcome = 'exploded' WHERE id = 'run1'")
      expect((yield* listRuns(file, 2)).map(({ id }) => id)).toEqual(["run2", "run0"])
      expect((yield* readRun(file, Option.none())).run.id).toBe("run2")
      expect(yield* readRun(file, Option.some("run")).pipe(Effect.flip)).toMatchObject({
        _tag: "RunAmbiguous",
        some: ["run2", "run0"]
      })
      db.run(
        "UPDATE events SET body = replace(body, '\"time\":', '\"time\":99999') WHERE seq = 2 AND run = (SELECT number FROM runs WHERE id = 'run2')"
      )
      db.run("UPDATE events SET body = '{' WHERE seq = 3")
      const { events } = yield* readRun(file, Option.none())
      expect(events.map(({ seq }) => seq)).toEqual(
        deployEvents.map(({ seq }) => seq).filter((seq) => seq !== 2 && seq !== 3)
      )
    })
  )

  it.live("deletes the oldest runs beyond the limits for count, age and size, but never a run in progress", () =>
    Effect.gen(function* () {
      const file = newFile()
      const now = Date.now()
      yield* record(file, [...failedDeploy({ run: "open", began: now - 60_000 })].slice(0, 5))
      for (let n = 0; n < 6; n++) yield* record(file, failedDeploy({ run: `run${n}`, began: now - n * day }))
      const ids = Effect.map(listRuns(file, 99), (runs) => runs.map(({ id }) => id))
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2", "run3", "run4", "run5"])
      const db = yield* openDatabase(file)
      prune(db, now, { ...historyLimits, days: 4.5 })
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2", "run3", "run4"])
      prune(db, now, { ...historyLimits, runs: 4 })
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2"])
      prune(db, now, { ...historyLimits, bytes: 1 })
      expect(yield* ids).toEqual(["run0", "open"])
      expect(db.query("SELECT count(DISTINCT run) AS runs FROM events").get()).toEqual({ runs: 2 })
    })
  )
})

describe("when the run history cannot be written", () => {
  const warnsOnce = (name: string, why: RecordUnusable["why"], make: (file: string) => void) =>
    it.live(`because ${name}, jiji warns once and the run continues`, () =>
      Effect.gen(function* () {
        const file = newFile()
        yield* record(file, deployEvents)
        make(file)
        const warned = yield* record(file, failedDeploy({ run: "next" }))
        expect(warned.map((error) => [error.why, error.file])).toEqual([[why, file]])
      })
    )
  warnsOnce("it is corrupted", "damaged", (file) => writeFileSync(file, "not a database, and long enough".repeat(100)))
  warnsOnce("a newer jiji wrote it", "newer", (file) => {
    const db = new Database(file)
    db.run("PRAGMA user_version = 99")
    db.close()
  })
  warnsOnce("its folder is a file", "denied", (file) => {
    rmSync(join(file, ".."), { recursive: true })
    writeFileSync(join(file, ".."), "")
  })
  warnsOnce("it is a folder", "foreign", (file) => {
    rmSync(file)
    mkdirSync(file)
  })
  warnsOnce("it is a pipe", "foreign", (file) => {
    rmSync(file)
    expect(Bun.spawnSync(["mkfifo", "-m", "666", file]).exitCode).toBe(0)
  })
  warnsOnce("its tables are missing", "failed", (file) => {
    const db = new Database(file)
    db.run("DROP TABLE events")
    db.close()
  })
})

for (const link of ["file", "folder"] as const) {
  it.live(`does not follow or change a link in place of the history's ${link}`, () =>
    Effect.gen(function* () {
      const file = newFile()
      const elsewhere = join(file, "../../elsewhere")
      mkdirSync(elsewhere, { recursive: true })
      chmodSync(elsewhere, 0o755)
      writeFileSync(join(elsewhere, "runs.sqlite"), "", { mode: 0o644 })
      if (link === "folder") symlinkSync(elsewhere, join(file, ".."))
      else {
        mkdirSync(join(file, ".."), { mode: 0o700 })
        symlinkSync(join(elsewhere, "runs.sqlite"), file)
      }
      expect((yield* record(file, deployEvents)).map(({ why }) => why)).toEqual(["foreign"])
      expect(yield* Effect.flip(listRuns(file, 9))).toMatchObject({ why: "foreign", exitCode: 77 })
      expect(statSync(elsewhere).mode & 0o777).toBe(0o755)
      expect(statSync(join(elsewhere, "runs.sqlite")).mode & 0o777).toBe(0o644)
      expect(readdirSync(elsewhere)).toEqual(["runs.sqlite"])
      expect(statSync(join(elsewhere, "runs.sqlite")).size).toBe(0)
    })
  )
}

describe("with several processes", () => {
  it.live(
    "stores every event, even when all of them create the file at once",
    () =>
      Effect.gen(function* () {
        const file = newFile()
        const program = join(import.meta.dir, "writing.ts")
        const children = Array.from({ length: 6 }, (_, n) =>
          Bun.spawn([process.execPath, program, file, `run${n}`], { stdout: "pipe", stderr: "inherit" })
        )
        const warnings = yield* Effect.promise(() =>
          Promise.all(children.map((child) => new Response(child.stdout).text()))
        )
        expect(warnings).toEqual(children.map(() => ""))
        const runs = yield* listRuns(file, 99)
        expect(runs.map(({ id }) => id).sort()).toEqual(children.map((_, n) => `run${n}`))
        for (const { id } of runs) {
          const { events } = yield* readRun(file, Option.some(id))
          expect(events.map(({ seq }) => seq)).toEqual(failedDeploy({ lines: 3000 }).map(({ seq }) => seq))
        }
      }),
    60_000
  )

  it.live(
    "shows a run as running while its process lives, and as lost after it was killed",
    () =>
      Effect.gen(function* () {
        const file = newFile()
        const program = join(import.meta.dir, "writing.ts")
        const child = Bun.spawn([process.execPath, program, file, "killed", "hang"], {
          stdout: "pipe",
          stderr: "inherit"
        })
        // The process prints a line after it has written its first events.
        yield* Effect.promise(() => child.stdout.getReader().read())
        expect(existsSync(file)).toBe(true)
        expect((yield* listRuns(file, 1)).map(({ outcome }) => outcome)).toEqual(["running"])
        child.kill("SIGKILL")
        yield* Effect.promise(() => child.exited)
        expect((yield* listRuns(file, 1)).map(({ outcome }) => outcome)).toEqual(["lost"])
        const { events } = yield* readRun(file, Option.none())
        expect(events.length).toBeGreaterThan(3)
      }),
    60_000
  )
})

test("identifies a process by its ID, its start time and the boot, but only on its own machine", () => {
  const [host = "", boot = "", pid = "", start = ""] = currentOwner().split(" ")
  expect(isAlive(currentOwner())).toBe(true)
  // A reused process ID.
  expect(isAlive([host, boot, pid, Number(start) - 1].join(" "))).toBe(false)
  expect(isAlive([host, "another-boot", pid, start].join(" "))).toBe(false)
  expect(isAlive([host, boot, 2 ** 22 + 1, start].join(" "))).toBe(false)
  expect(isAlive(["elsewhere", boot, pid, start].join(" "))).toBeUndefined()
})
