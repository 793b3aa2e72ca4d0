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
import { kept } from "../../src/record/bounds.ts"
import { open } from "../../src/record/Database.ts"
import { follower } from "../../src/record/follow.ts"
import { isAlive, own } from "../../src/record/Owner.ts"
import { prune } from "../../src/record/prune.ts"
import { list, read } from "../../src/record/read.ts"
import type { RecordUnusable } from "../../src/record/RecordError.ts"
import { it } from "../effect.ts"
import { failedDeploy } from "./story.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-record-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const place = () => join(folder, `${++files}`, "state", "runs.sqlite")

const about = { project: "shop", environment: "staging", servers: ["web1", "web2"], who: "me@here" }

/** Keeps the events of a run as a run does, and gives what was warned of. */
const keep = Effect.fnUntraced(function* (file: string, events: ReadonlyArray<Event>) {
  const warned: Array<RecordUnusable> = []
  yield* follower(file, about, (error) => void warned.push(error))(Stream.fromIterable(events))
  return warned
})

const day = 24 * 60 * 60 * 1000
const whole = failedDeploy()

describe("the record of a run", () => {
  it.live("has every event as it was, for this user's eyes alone", () =>
    Effect.gen(function* () {
      const file = place()
      expect(yield* keep(file, failedDeploy({ began: Date.now() }))).toEqual([])
      const { events, run } = yield* read(file, Option.none())
      expect(events).toEqual([...failedDeploy({ began: run.began })])
      expect(run).toMatchObject({
        ...about,
        id: "mf3k2a9c-7q1x",
        pipeline: "deploy",
        outcome: "failed",
        millis: 12_320,
        dropped: 0
      })
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700)
      // All is in the one file once nobody has it open.
      expect(readdirSync(join(file, ".."))).toEqual(["runs.sqlite"])
    })
  )

  it.live("leaves out the run that a step of it runs", () =>
    Effect.gen(function* () {
      const file = place()
      const now = Date.now()
      const [first, ...others] = failedDeploy({ began: now })
      if (first === undefined) throw new Error("no story")
      yield* keep(file, [first, ...failedDeploy({ began: now, run: "inner" }), ...others])
      expect((yield* list(file, 9)).map(({ id }) => id)).toEqual(["mf3k2a9c-7q1x"])
      expect((yield* read(file, Option.none())).events).toEqual([first, ...others])
    })
  )

  it.live("of an output without end has its beginning, its end, and what the failed step said last", () =>
    Effect.gen(function* () {
      const file = place()
      const template = whole.find(({ _tag }) => _tag === "StepOutput")
      if (template?._tag !== "StepOutput") throw new Error("no output in the story")
      const events: Array<Event> = []
      const add = (event: Event) => void events.push({ ...event, seq: events.length + 1 })
      const start = whole.findIndex((event) => event._tag === "StepFailed")
      for (const event of failedDeploy({ began: Date.now() }).slice(0, start)) add(event)
      const path = "deploy/servers[web2]/services[web]/deploy"
      const flood = (from: string, count: number) => {
        for (let n = 0; n < count; n++) add({ ...template, path: from, line: `${n} ${"x".repeat(1000)}` })
      }
      flood("deploy/noise", 6000)
      add({ ...template, path, line: "the last words" })
      for (const event of whole.slice(start, start + 1)) add(event)
      flood("deploy/noise", 3000)
      for (const event of whole.slice(start + 1)) add(event)
      expect(yield* keep(file, events)).toEqual([])
      const got = yield* read(file, Option.none())
      const lines = got.events.flatMap((event) => (event._tag === "StepOutput" ? [event.line.slice(0, 20)] : []))
      expect(lines).toContain("the last words")
      expect(lines.at(-1)).toStartWith("2999 ")
      expect(got.run.dropped).toBeGreaterThan(500)
      expect(lines.length + got.run.dropped).toBe(events.filter(({ _tag }) => _tag === "StepOutput").length)
      expect(statSync(file).size).toBeLessThan(9_000_000)
      // What it did is all there.
      const done = (all: ReadonlyArray<Event>) => all.filter(({ _tag }) => _tag !== "StepOutput").map(({ seq }) => seq)
      expect(done(got.events)).toEqual(done(events))
    })
  )

  it.live("passes over what it does not understand, and has all the others", () =>
    Effect.gen(function* () {
      const file = place()
      for (let n = 0; n < 6; n++) yield* keep(file, failedDeploy({ run: `run${n}`, began: Date.now() + n }))
      const db = yield* open(file)
      db.run("UPDATE runs SET servers = '[1' WHERE id = 'run5'")
      db.run("UPDATE runs SET began = 8640000000000001 WHERE id = 'run4'")
      db.run("UPDATE runs SET seen = -9000000000000000000 WHERE id = 'run3'")
      db.run("UPDATE runs SET outcome = 'exploded' WHERE id = 'run1'")
      expect((yield* list(file, 2)).map(({ id }) => id)).toEqual(["run2", "run0"])
      expect((yield* read(file, Option.none())).run.id).toBe("run2")
      expect(yield* read(file, Option.some("run")).pipe(Effect.flip)).toMatchObject({
        _tag: "RunAmbiguous",
        some: ["run2", "run0"]
      })
      db.run(
        "UPDATE events SET body = replace(body, '\"time\":', '\"time\":99999') WHERE seq = 2 AND run = (SELECT number FROM runs WHERE id = 'run2')"
      )
      db.run("UPDATE events SET body = '{' WHERE seq = 3")
      const { events } = yield* read(file, Option.none())
      expect(events.map(({ seq }) => seq)).toEqual(whole.map(({ seq }) => seq).filter((seq) => seq !== 2 && seq !== 3))
    })
  )

  it.live("is bounded by count, by age and by size, the oldest first, and never loses one that is under way", () =>
    Effect.gen(function* () {
      const file = place()
      const now = Date.now()
      yield* keep(file, [...failedDeploy({ run: "open", began: now - 60_000 })].slice(0, 5))
      for (let n = 0; n < 6; n++) yield* keep(file, failedDeploy({ run: `run${n}`, began: now - n * day }))
      const ids = Effect.map(list(file, 99), (runs) => runs.map(({ id }) => id))
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2", "run3", "run4", "run5"])
      const db = yield* open(file)
      prune(db, now, { ...kept, days: 4.5 })
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2", "run3", "run4"])
      prune(db, now, { ...kept, runs: 4 })
      expect(yield* ids).toEqual(["run0", "open", "run1", "run2"])
      prune(db, now, { ...kept, bytes: 1 })
      expect(yield* ids).toEqual(["run0", "open"])
      expect(db.query("SELECT count(DISTINCT run) AS runs FROM events").get()).toEqual({ runs: 2 })
    })
  )
})

describe("a record that cannot be written", () => {
  const tells = (name: string, why: RecordUnusable["why"], make: (file: string) => void) =>
    it.live(`because ${name} is one warning, and the run goes on`, () =>
      Effect.gen(function* () {
        const file = place()
        yield* keep(file, whole)
        make(file)
        const warned = yield* keep(file, failedDeploy({ run: "next" }))
        expect(warned.map((error) => [error.why, error.file])).toEqual([[why, file]])
      })
    )
  tells("it is damaged", "damaged", (file) => writeFileSync(file, "not a database, and long enough".repeat(100)))
  tells("a newer jiji wrote it", "newer", (file) => {
    const db = new Database(file)
    db.run("PRAGMA user_version = 99")
    db.close()
  })
  tells("its folder is a file", "denied", (file) => {
    rmSync(join(file, ".."), { recursive: true })
    writeFileSync(join(file, ".."), "")
  })
  tells("it is a folder", "foreign", (file) => {
    rmSync(file)
    mkdirSync(file)
  })
  tells("it is a pipe", "foreign", (file) => {
    rmSync(file)
    expect(Bun.spawnSync(["mkfifo", "-m", "666", file]).exitCode).toBe(0)
  })
  tells("the schema is another's", "failed", (file) => {
    const db = new Database(file)
    db.run("DROP TABLE events")
    db.close()
  })
})

for (const link of ["file", "folder"] as const) {
  it.live(`a link in place of the record's ${link} leads to nothing that is changed or written to`, () =>
    Effect.gen(function* () {
      const file = place()
      const elsewhere = join(file, "../../elsewhere")
      mkdirSync(elsewhere, { recursive: true })
      chmodSync(elsewhere, 0o755)
      writeFileSync(join(elsewhere, "runs.sqlite"), "", { mode: 0o644 })
      if (link === "folder") symlinkSync(elsewhere, join(file, ".."))
      else {
        mkdirSync(join(file, ".."), { mode: 0o700 })
        symlinkSync(join(elsewhere, "runs.sqlite"), file)
      }
      expect((yield* keep(file, whole)).map(({ why }) => why)).toEqual(["foreign"])
      expect(yield* Effect.flip(list(file, 9))).toMatchObject({ why: "foreign", exitCode: 77 })
      expect(statSync(elsewhere).mode & 0o777).toBe(0o755)
      expect(statSync(join(elsewhere, "runs.sqlite")).mode & 0o777).toBe(0o644)
      expect(readdirSync(elsewhere)).toEqual(["runs.sqlite"])
      expect(statSync(join(elsewhere, "runs.sqlite")).size).toBe(0)
    })
  )
}

describe("several at once", () => {
  it.live(
    "from the first moment on, in processes of their own, all find their events whole",
    () =>
      Effect.gen(function* () {
        const file = place()
        const program = join(import.meta.dir, "writing.ts")
        const children = Array.from({ length: 6 }, (_, n) =>
          Bun.spawn([process.execPath, program, file, `run${n}`], { stdout: "pipe", stderr: "inherit" })
        )
        const said = yield* Effect.promise(() =>
          Promise.all(children.map((child) => new Response(child.stdout).text()))
        )
        expect(said).toEqual(children.map(() => ""))
        const runs = yield* list(file, 99)
        expect(runs.map(({ id }) => id).sort()).toEqual(children.map((_, n) => `run${n}`))
        for (const { id } of runs) {
          const { events } = yield* read(file, Option.some(id))
          expect(events.map(({ seq }) => seq)).toEqual(failedDeploy({ lines: 3000 }).map(({ seq }) => seq))
        }
      }),
    60_000
  )

  it.live(
    "a run that was killed ended without a word, and one that lives is running",
    () =>
      Effect.gen(function* () {
        const file = place()
        const program = join(import.meta.dir, "writing.ts")
        const child = Bun.spawn([process.execPath, program, file, "killed", "hang"], {
          stdout: "pipe",
          stderr: "inherit"
        })
        // It says so when its first events are written.
        yield* Effect.promise(() => child.stdout.getReader().read())
        expect(existsSync(file)).toBe(true)
        expect((yield* list(file, 1)).map(({ outcome }) => outcome)).toEqual(["running"])
        child.kill("SIGKILL")
        yield* Effect.promise(() => child.exited)
        expect((yield* list(file, 1)).map(({ outcome }) => outcome)).toEqual(["lost"])
        const { events } = yield* read(file, Option.none())
        expect(events.length).toBeGreaterThan(3)
      }),
    60_000
  )
})

test("a process is known by its number and when it began, as far as this machine can tell", () => {
  const [host = "", boot = "", pid = "", start = ""] = own().split(" ")
  expect(isAlive(own())).toBe(true)
  // The same number, given to another process.
  expect(isAlive([host, boot, pid, Number(start) - 1].join(" "))).toBe(false)
  expect(isAlive([host, "another-boot", pid, start].join(" "))).toBe(false)
  expect(isAlive([host, boot, 2 ** 22 + 1, start].join(" "))).toBe(false)
  expect(isAlive(["elsewhere", boot, pid, start].join(" "))).toBeUndefined()
})
