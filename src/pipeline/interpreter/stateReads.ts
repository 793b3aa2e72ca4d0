import { Cause, Effect, Result } from "effect"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { StateIncomplete } from "../PipelineError.ts"
import type { State } from "./nodeEvents.ts"

/** Keys that the runtime itself reads, such as `JSON.stringify`. */
const readByTheRuntime = new Set(["then", "toJSON"])

/**
 * Copies the state, and notes the keys that are read from the copy but missing. The notes are taken in the prototype, so
 * the copy is a plain object to everything that spreads, lists or clones it.
 */
const trackReads = (state: State) => {
  const missing = new Set<string>()
  const notes = new Proxy(
    {},
    {
      get: (target, key, receiver): unknown => {
        if (typeof key === "string" && !(key in target) && !readByTheRuntime.has(key)) missing.add(key)
        return Reflect.get(target, key, receiver)
      }
    }
  )
  // Object.create returns `any`; the copy has the properties of a state.
  const copy: State = Object.assign(Object.create(notes) as object, state)
  return { copy, missing }
}

/** What the runtime says when undefined is used, called or destructured. */
const usesUndefined = /undefined|cannot be destructured/

/** Explains an error that comes from a missing key: undefined was used as if it were a value. Returns other errors as they are. */
const explain = (what: string, missing: ReadonlySet<string>, error: unknown): unknown => {
  if (missing.size === 0 || !(error instanceof TypeError) || !usesUndefined.test(error.message)) return error
  const at = sourceLocation(error)
  return new StateIncomplete({
    what,
    keys: [...missing],
    reason: messageOf(error),
    ...(at === undefined ? {} : { at })
  })
}

/** Calls a function of a pipeline with the state. Throws {@link StateIncomplete} if a missing key made it fail. */
export const readState = <A>(what: string, state: State, read: (state: State) => A): A => {
  const { copy, missing } = trackReads(state)
  return Result.getOrThrowWith(
    Result.try(() => read(copy)),
    (error) => explain(what, missing, error)
  )
}

/** Runs an Effect with the state. Dies with {@link StateIncomplete} if a missing key made it die. */
export const withState = <A, E, R>(
  what: string,
  state: State,
  run: (state: State) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const { copy, missing } = trackReads(state)
    return Effect.catchCause(run(copy), (cause) =>
      Effect.failCause(
        Cause.fromReasons(
          cause.reasons.map((reason) =>
            Cause.isDieReason(reason) ? Cause.makeDieReason(explain(what, missing, reason.defect)) : reason
          )
        )
      )
    )
  })
