import { Clock, Duration, Effect, Exit, Option, Result, Schema } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { Events } from "../../core/Events.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { CurrentStepCache, type Entry, maxCachedResult, type StepCache, UseStepCache } from "../../core/StepCache.ts"
import { formatBytes, formatDuration } from "../../core/units.ts"
import type { StepNode } from "../Node.ts"
import type { Cached } from "../Step.ts"
import type { NodeEffect, State } from "./nodeEvents.ts"
import { readState } from "./stateReads.ts"
import type { Undos } from "./undos.ts"

type ResultSchema = NonNullable<StepNode["result"]>

/** An entry of a cache that did not fit. The result of the step is stored there. */
interface Miss {
  readonly cache: StepCache
  readonly id: string
}

/** The path is part of it, so that two steps or items never share a result. A hash, because a key may contain a secret. */
const idOf = (path: string, key: string): string =>
  new Bun.CryptoHasher("sha256").update(JSON.stringify([path, key])).digest("hex")

const hasSecret = Effect.fnUntraced(function* (body: string) {
  const scrubber = Option.getOrUndefined(yield* Effect.serviceOption(Scrubber))
  if (scrubber === undefined) return false
  // JSON may encode a secret in another way, so look at the values, too.
  return scrubber.text(body) !== body || JSON.stringify(scrubber.deep(JSON.parse(body))) !== body
})

/** Returns the decoded result of an entry, unless it is damaged or does not fit the schema any more. */
const decodeBody = (schema: ResultSchema, body: string): Effect.Effect<unknown> =>
  Effect.map(Effect.exit(Effect.suspend(() => Schema.decodeUnknownEffect(schema)(JSON.parse(body)))), (exit) =>
    Exit.isSuccess(exit) ? exit.value : undefined
  )

const isFresh = ({ storedAt }: Entry, now: number, within: Duration.Duration | undefined): boolean => {
  const age = now - storedAt
  // An entry from the future is older than it says: the clock has changed.
  return age >= 0 && (within === undefined || age <= Duration.toMillis(within))
}

/**
 * The cache of one run of a step. `lookUp` returns the stored result instead of running the step; `store` stores the result of a
 * step that had to run.
 */
export const stepCache = (step: StepNode, state: State, path: string, name: string, undos: Undos) => {
  const { result } = step
  const misses = new Map<string, Miss>()

  const lookUp = <A>({ key, within }: Cached, inner: NodeEffect<A>, hit: (adds: unknown, reason: string) => A) =>
    Effect.gen(function* () {
      const cache = yield* CurrentStepCache
      if (cache === undefined || result === undefined) return yield* inner
      const what = `the cache key of ${name}`
      const text = readState(what, state, (known) => key(known as never))
      const id = idOf(path, checkReturn(what, "a string", text, typeof text === "string"))
      const entry = (yield* UseStepCache) ? yield* cache.read(id) : undefined
      const now = yield* Clock.currentTimeMillis
      if (entry !== undefined && isFresh(entry, now, within)) {
        const adds = yield* decodeBody(result, entry.body)
        if (adds !== undefined && !(yield* hasSecret(entry.body))) {
          const reason = `cached ${formatDuration(now - entry.storedAt)} ago`
          yield* cache.onHit?.(reason) ?? Effect.void
          return hit(adds, reason)
        }
      }
      misses.set(id, { cache, id })
      return yield* inner
    })

  /** Returns why a result cannot be stored, if so. */
  const problemOf = Effect.fnUntraced(function* (schema: ResultSchema, body: string | undefined) {
    const isJson = body !== undefined && (yield* decodeBody(schema, body)) !== undefined
    if (!isJson) return "its schema does not encode it as JSON"
    if (body.length > maxCachedResult) return `it is larger than ${formatBytes(maxCachedResult)}`
    return (yield* hasSecret(body)) ? "it contains a secret" : undefined
  })

  const store = Effect.fnUntraced(function* (encoded: unknown) {
    if (misses.size === 0 || result === undefined) return
    const body = Result.getOrUndefined(Result.try(() => JSON.stringify(encoded)))
    const problem = yield* problemOf(result, body)
    if (problem !== undefined || body === undefined) {
      const { publish } = yield* Events
      // An older entry does not fit any more.
      yield* Effect.forEach(misses.values(), ({ cache, id }) => cache.forget(id), { discard: true })
      return yield* publish({ _tag: "StepNoted", level: "info", text: `its result is not cached: ${problem}` })
    }
    const storedAt = yield* Clock.currentTimeMillis
    for (const { cache, id } of misses.values()) {
      yield* cache.write(id, { body, storedAt })
      undos.addResult(path, cache.forget(id))
    }
  })
  return { lookUp, store }
}
