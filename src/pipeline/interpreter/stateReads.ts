import { Cause, Effect, Result } from "effect"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { StateIncomplete } from "../PipelineError.ts"
import type { State } from "./nodeEvents.ts"

/** Keys that the runtime itself reads, such as `JSON.stringify`. */
const readByTheRuntime = new Set(["then", "toJSON"])

/** The keys that were read from a copy of the state but are missing in it. */
const missingKeys = new WeakMap<object, Set<string>>()

const noteMissing = (copy: object, key: string): void => {
  const known = missingKeys.get(copy)
  if (known === undefined) missingKeys.set(copy, new Set([key]))
  else known.add(key)
}

/**
 * The prototype of all copies, which notes the missing keys. In the prototype, because then the copy is a plain object to
 * everything that spreads, lists or clones it. One for all, because objects with the same prototype share their layout.
 */
const notes = new Proxy(
  {},
  {
    // The receiver is the copy.
    get: (target, key, receiver): unknown => {
      if (typeof key === "string" && !(key in target) && !readByTheRuntime.has(key)) noteMissing(receiver, key)
      return Reflect.get(target, key, receiver)
    }
  }
)

/** Copies the state. Missing keys that are read from the copy are noted. */
// Object.create returns `any`; the copy has the properties of a state.
const trackReads = (state: State): State => Object.assign(Object.create(notes) as object, state)

/** What the runtime says when undefined is used, called or destructured. */
const usesUndefined = /undefined|cannot be destructured/

/** Explains an error that comes from a missing key: undefined was used as if it were a value. Returns other errors as they are. */
const explain = (what: string, copy: State, error: unknown): unknown => {
  const missing = missingKeys.get(copy)
  if (missing === undefined || !(error instanceof TypeError) || !usesUndefined.test(error.message)) return error
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
  const copy = trackReads(state)
  return Result.getOrThrowWith(
    Result.try(() => read(copy)),
    (error) => explain(what, copy, error)
  )
}

/** Runs an Effect with the state. Dies with {@link StateIncomplete} if a missing key made it die. */
export const withState = <A, E, R>(
  what: string,
  state: State,
  run: (state: State) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const copy = trackReads(state)
    return Effect.catchCause(run(copy), (cause) =>
      Effect.failCause(
        Cause.fromReasons(
          cause.reasons.map((reason) =>
            Cause.isDieReason(reason) ? Cause.makeDieReason(explain(what, copy, reason.defect)) : reason
          )
        )
      )
    )
  })
