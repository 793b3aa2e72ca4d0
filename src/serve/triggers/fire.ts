import { Effect, Result } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { sourceKeys, type Trigger } from "../../config/Trigger.ts"
import { Commands } from "../Commands.ts"
import { Feed } from "../Feed.ts"
import { Inspector } from "../Inspector.ts"
import { policyOf } from "../policy.ts"
import type { ServedProject } from "../Projects.ts"
import { Runner } from "../Runner.ts"
import { RunStore } from "../RunStore.ts"
import { Deliveries, type NewDelivery } from "./Deliveries.ts"
import { HookSecrets } from "./HookSecrets.ts"
import { ignoreReason, type Occurrence } from "./occurrences.ts"
import { roleProblem } from "./Triggers.ts"
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

/** The words of the run that a trigger starts, and how it runs; fails with the reason if the event does not fit. */
const prepare = Effect.fnUntraced(function* ({ occurrence, project, trigger: { start } }: Firing) {
  const inspector = yield* Inspector
  if (start._tag === "Pipeline") {
    const input = yield* Effect.fromResult(resolveInput(start.input, occurrence))
    return yield* inspector.prepare(project.folder, start.pipeline, input, [])
  }
  const words = yield* Effect.fromResult(resolveWords(start.words, occurrence))
  const command = yield* (yield* Commands).check(words)
  if (command._tag === "Pipeline") return yield* inspector.prepare(project.folder, command.name, {}, command.flags)
  const problem = roleProblem(command)
  if (problem !== undefined) return yield* Effect.fail(problem)
  return { words: command.words, policy: {} }
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
  const prepared = yield* Effect.result(prepare(firing))
  if (Result.isFailure(prepared)) {
    return yield* refuse(typeof prepared.failure === "string" ? prepared.failure : prepared.failure.message)
  }
  const { policy, words } = prepared.success
  const store = yield* RunStore
  const sql = yield* SqlClient.SqlClient
  const { changed, delivery } = yield* sql.withTransaction(
    Effect.gen(function* () {
      const { isNew, isRefused, overtaken, run } = yield* store.add({
        project: project.name,
        words,
        who: again?.who ?? `trigger ${trigger.name}`,
        cause: source,
        ...policyOf({ project: project.name, words }, policy, {}),
        ...(again === undefined && { once: `${source} ${project.name} ${trigger.name} ${digest(occurrence.key)}` })
      })
      if (isRefused) {
        return { delivery: yield* refuse(`run ${run.number} of ${project.name} is ${run.status}`), changed: [] }
      }
      if (isNew) {
        const delivery = yield* deliveries.add({ ...about, verdict: "started", run: run.number })
        return { delivery, changed: [...overtaken, run.number] }
      }
      const delivery = yield* deliveries.add({
        ...about,
        event: undefined,
        verdict: "ignored",
        reason: `it has started run ${run.number} before`,
        run: run.number
      })
      return { delivery, changed: [] }
    })
  )
  if (delivery.verdict === "started") yield* (yield* Runner).wake
  yield* Effect.forEach(changed, (yield* Feed).publish, { discard: true })
  return delivery
})
