import { afterAll, describe, expect } from "bun:test"
import { Effect, Option, Stream } from "effect"
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { artifactLimits, ArtifactNotKept, type Artifacts, CurrentArtifacts } from "../../src/core/Artifact.ts"
import { CurrentRun } from "../../src/core/Events.ts"
import { artifactsLayer, listArtifacts, readArtifact } from "../../src/record/artifacts.ts"
import { openDatabase } from "../../src/record/Database.ts"
import { historyLimits } from "../../src/record/limits.ts"
import { prune } from "../../src/record/prune.ts"
import { recorder } from "../../src/record/recorder.ts"
import { it } from "../support/effect.ts"
import { failedDeploy } from "./story.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-artifacts-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = () => join(folder, `${++files}`, "state", "runs.sqlite")
/** The ID of the run that `failedDeploy` tells. */
const id = "mf3k2a9c-7q1x"

const inRun = <A, E>(file: string, use: (artifacts: Artifacts) => Effect.Effect<A, E>, run = id) =>
  Effect.flatMap(CurrentArtifacts, (artifacts) =>
    artifacts === undefined ? Effect.die("no artifacts") : use(artifacts)
  ).pipe(Effect.provide(artifactsLayer(file)), Effect.provideService(CurrentRun, run))
const bytes = (size: number) => new Uint8Array(size).fill(7)

describe("artifacts", () => {
  it.live("are kept with their run, readable only by this user", () =>
    Effect.gen(function* () {
      const file = newFile()
      yield* recorder(file, { project: "shop", servers: [], who: "me@here" }, () => {})(
        Stream.fromIterable(failedDeploy({ began: Date.now() }))
      )
      yield* inRun(file, ({ save }) => save("a", "p/a", bytes(3)))
      yield* inRun(file, ({ save }) => save("a", "p/a", bytes(2)))
      yield* inRun(file, ({ save }) => save("b", "p/b", bytes(0)))
      yield* inRun(file, ({ save }) => save("a", "p/c", bytes(9)), "another")
      expect(yield* listArtifacts(file, id)).toEqual([
        { name: "a", path: "p/a", size: 2 },
        { name: "b", path: "p/b", size: 0 }
      ])
      expect(yield* readArtifact(file, "a", Option.some("mf3k"))).toEqual(bytes(2))
      expect(yield* readArtifact(file, "b", Option.none())).toEqual(bytes(0))
      expect(yield* Effect.flip(readArtifact(file, "c", Option.none()))).toMatchObject({ names: ["a", "b"] })
      expect(statSync(file).mode & 0o777).toBe(0o600)
    })
  )

  it.live("are refused beyond the limit of a run, and if another step has taken the name", () =>
    Effect.gen(function* () {
      const file = newFile()
      const full = bytes(artifactLimits.one)
      const save = (name: string, path: string, body = full) =>
        inRun(file, (artifacts) => artifacts.save(name, path, body))
      yield* Effect.forEach(["a", "b", "c", "d"], (name) => save(name, "p"))
      expect(yield* Effect.flip(save("e", "p", bytes(1)))).toBeInstanceOf(ArtifactNotKept)
      // It replaces its own.
      yield* save("a", "p")
      yield* save("a", "p", bytes(1))
      yield* save("e", "p", bytes(1))
      expect((yield* Effect.flip(save("e", "q", bytes(1)))).message).toContain("another step")
      expect(yield* listArtifacts(file, id)).toHaveLength(5)
    })
  )

  it.live("are deleted with their run, and count towards the size of the history", () =>
    Effect.gen(function* () {
      const file = newFile()
      const now = Date.now()
      const day = 24 * 60 * 60 * 1000
      for (const [run, age] of [
        ["new", 0],
        ["old", 1]
      ] as const) {
        const events = failedDeploy({ began: now - age * 1000 }).map((event) => ({ ...event, run }))
        yield* recorder(file, { project: "shop", servers: [], who: "me@here" }, () => {})(Stream.fromIterable(events))
        yield* inRun(file, ({ save }) => save("a", "p", bytes(1_000_000)), run)
      }
      yield* inRun(file, ({ save }) => save("a", "p", bytes(1)), "not recorded yet")
      const db = yield* openDatabase(file)
      prune(db, now, { ...historyLimits, bytes: 3_000_000 })
      expect(yield* listArtifacts(file, "old")).toHaveLength(1)
      prune(db, now, { ...historyLimits, bytes: 1_500_000 })
      // Kept for a day, since a run that has just started may not be recorded yet.
      expect(yield* listArtifacts(file, "not recorded yet")).toHaveLength(1)
      prune(db, now + day + 60_000)
      expect(yield* listArtifacts(file, "old")).toEqual([])
      expect(yield* listArtifacts(file, "not recorded yet")).toEqual([])
      expect(yield* listArtifacts(file, "new")).toHaveLength(1)
    })
  )

  it.live("fail to be kept if the history cannot be used", () =>
    Effect.gen(function* () {
      const file = newFile()
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, "not a database ".repeat(100))
      const error = yield* Effect.flip(inRun(file, ({ save }) => save("a", "p", bytes(1))))
      expect(error.message).toContain("the file is corrupted")
      expect(error.remedy).toContain("Move the file away")
    })
  )
})
