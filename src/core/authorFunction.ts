import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { defineError } from "./defineError.ts"
import { capitalize } from "./text.ts"
import { Location, locationSuffix, sourceLocation } from "./errorText.ts"

/** A function in a pipeline file returned a value of the wrong type. jiji runs these files without type checking. */
export class UnexpectedReturn extends defineError<UnexpectedReturn>()("UnexpectedReturn", {
  fields: { what: Schema.String, got: Schema.String, wanted: Schema.String, at: Location },
  message: (e) => `${capitalize(e.what)} returned ${e.got}, not ${e.wanted}${locationSuffix(e.at)}`,
  remedy: (e) => {
    if (e.wanted === "an Effect") {
      return e.got === "a Promise"
        ? "Wrap async code in an Effect: `() => Effect.promise(async () => { … })`."
        : "Return an Effect: `Effect.succeed({ … })` with what it adds to the state, or `Effect.void`."
    }
    return e.got === "a Promise"
      ? "This function cannot be async: do the work in an earlier step, and add its result to the state."
      : `Return ${e.wanted}; \`tsc\` finds such mistakes before a run.`
  },
  exitCode: "failed",
  sample: {
    what: 'the step "pull"',
    got: "a Promise",
    wanted: "an Effect",
    at: "/home/me/shop/.jiji/pipelines/canary.ts:12"
  }
}) {}

const callers = new WeakMap<object, Error>()

/** Remembers the caller's stack, so that an {@link UnexpectedReturn} of the function can say where it was passed to jiji. */
export const rememberCaller = <F extends object>(fn: F): F => {
  callers.set(fn, new Error("given here"))
  return fn
}

const describeValue = (value: unknown): string => {
  if (Effect.isEffect(value)) return "an Effect"
  if (typeof value === "function") return "a function"
  if (typeof value !== "object" || value === null) return String(value)
  const name = Object.prototype.toString.call(value).slice("[object ".length, -1)
  return name === "Object" || name === "Array" ? `an ${name.toLowerCase()}` : `a ${name}`
}

const unexpectedReturn = (what: string, wanted: string, value: unknown, fn?: object): UnexpectedReturn => {
  // Nobody awaits this promise, and its rejection must not end the process.
  if (value instanceof Promise) value.catch(() => {})
  const at = fn && sourceLocation(callers.get(fn))
  return new UnexpectedReturn({ what, wanted, got: describeValue(value), ...(at === undefined ? {} : { at }) })
}

/** Returns the value, or throws {@link UnexpectedReturn}. For synchronous functions of a pipeline file. */
export const checkReturn = <A>(what: string, wanted: string, value: A, isExpected: boolean): A => {
  if (!isExpected) throw unexpectedReturn(what, wanted, value)
  return value
}

/** The defect of a fiber that runs a value that is not an Effect. effect ends such a fiber without running its finalizers. */
const invalidEffectPrefix = "Fiber.runLoop: Not a valid effect: "

const explainDefect = <E>(what: string, reason: Cause.Reason<E>): Cause.Reason<E> => {
  if (!Cause.isDieReason(reason) || typeof reason.defect !== "string") return reason
  const [begin, value] = reason.defect.split(invalidEffectPrefix)
  if (begin !== "" || value === undefined) return reason
  const [, name] = /^\[object (\w+)\]$/.exec(value) ?? []
  const got = name === undefined ? value : `a ${name}`
  return Cause.makeDieReason(new UnexpectedReturn({ what: `code in ${what}`, wanted: "an Effect", got }))
}

const checkExit = <A, E>(what: string, exit: Exit.Exit<A, E>): Effect.Effect<A, E> => {
  if (Exit.isFailure(exit)) {
    return Effect.failCause(Cause.fromReasons(exit.cause.reasons.map((reason) => explainDefect(what, reason))))
  }
  // The result of an `Effect.map` with an async function: nothing has awaited the promise.
  const isPromise = exit.value instanceof Promise
  return isPromise ? Effect.die(unexpectedReturn(`code in ${what}`, "an Effect", exit.value)) : exit
}

/**
 * Runs the Effect that a function of a pipeline file returns, in a fiber of its own. If that code returns something else
 * than an Effect, effect ends the fiber without running finalizers. A separate fiber keeps ours alive, and turns that into
 * an {@link UnexpectedReturn}.
 */
export const runAuthorFunction = <A, E, R>(
  what: string,
  fn: object,
  invoke: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const call = Effect.suspend(() => {
    const effect = invoke()
    return Effect.isEffect(effect) ? effect : Effect.die(unexpectedReturn(what, "an Effect", effect, fn))
  })
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(restore(call), { startImmediately: true }), (fiber) => {
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return checkExit(what, exit)
      return Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber)).pipe(
        // If the function completes before the interruption reaches it, use its result.
        Effect.catchCause(() => Fiber.await(fiber)),
        Effect.flatMap((exit) => checkExit(what, exit))
      )
    })
  )
}
