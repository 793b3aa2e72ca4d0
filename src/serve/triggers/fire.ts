import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { sourceKeys, type Trigger } from "../../config/Trigger.ts"
import { Commands } from "../Commands.ts"
import { Inspector } from "../Inspector.ts"
import type { ServedProject } from "../Projects.ts"
import { Runner } from "../Runner.ts"
import { RunStore } from "../RunStore.ts"
import { Deliveries, type NewDelivery } from "./Deliveries.ts"
import { HookSecrets } from "./HookSecrets.ts"
import { ignoreReason, type Occurrence } from "./occurrences.ts"
import { resolveInput, resolveWords } from "./resolveStart.ts"

/** How many runs may start one another. */
const maxDepth = 8

/** Senders choose their keys, which can be long. */
const digest = (key: string): string => createHash("sha256").update(key).digest("hex")

/** Something that happened, and the trigger that it may start. */
export interface Firing {
  readonly project: ServedProject
  readonly trigger: Trigger
  readonly occurrence: Occurrence
  readonly senderId?: string | undefined
  /** How many runs started one another until this one. */
  readonly depth?: number
  /** Who sends a delivery again, and which. */
  readonly again?: { readonly who: string; readonly delivery: number }
}

/** The words of the run that a trigger starts; fails with the reason if the event does not fit. */
const wordsOf = Effect.fnUntraced(function* ({ occurrence, project, trigger: { start } }: Firing) {
  const inspector = yield* Inspector
  if (start._tag === "Pipeline") {
    const input = yield* Effect.fromResult(resolveInput(start.input, occurrence))
    return yield* inspector.words(project.folder, start.pipeline, input, [])
  }
  const words = yield* Effect.fromResult(resolveWords(start.words, occurrence))
  const command = yield* (yield* Commands).check(words)
  if (command._tag === "Pipeline") return yield* inspector.words(project.folder, command.name, {}, command.flags)
  // A request from outside must not delete data.
  if (command.role !== "run") return yield* Effect.fail(`${words[0]} needs a person; use jiji or the API`)
  return command.words
})

/** Decides what becomes of something that happened: starts a run at most once, and records the delivery. */
export const fire = Effect.fnUntraced(function* (firing: Firing) {
  const { again, depth = 0, occurrence, project, senderId, trigger } = firing
  const deliveries = yield* Deliveries
  const { scrub } = yield* HookSecrets
  const source = sourceKeys[trigger.source._tag]
  const about = {
    project: project.name,
    name: trigger.name,
    source,
    senderId,
    depth,
    againOf: again?.delivery,
    event: JSON.stringify(scrub(occurrence))
  } satisfies Partial<NewDelivery>
  const ignored = ignoreReason(trigger.source, occurrence.values)
  if (ignored !== undefined) return yield* deliveries.add({ ...about, verdict: "ignored", reason: ignored })
  const refuse = (reason: string) => deliveries.add({ ...about, verdict: "refused", reason })
  if (depth > maxDepth) return yield* refuse(`${maxDepth} runs have started one another; this looks like a loop`)
  const words = yield* Effect.result(wordsOf(firing))
  if (Result.isFailure(words)) {
    return yield* refuse(typeof words.failure === "string" ? words.failure : words.failure.message)
  }
  const store = yield* RunStore
  const sql = yield* SqlClient.SqlClient
  const delivery = yield* sql.withTransaction(
    Effect.gen(function* () {
      const { isNew, run } = yield* store.add({
        project: project.name,
        words: words.success,
        who: again?.who ?? `trigger ${trigger.name}`,
        cause: source,
        key: project.name,
        ...(again === undefined && { once: `${source} ${project.name} ${trigger.name} ${digest(occurrence.key)}` })
      })
      if (isNew) return yield* deliveries.add({ ...about, verdict: "started", run: run.number })
      return yield* deliveries.add({
        ...about,
        event: undefined,
        verdict: "ignored",
        reason: `it has started run ${run.number} before`,
        run: run.number
      })
    })
  )
  if (delivery.verdict === "started") yield* (yield* Runner).wake
  return delivery
})
