import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { atPlace, Place, placeOf } from "./errorText.ts"
import { defineError } from "./defineError.ts"

/** A function in a pipeline returned a value of the wrong type, which the compiler would have found. */
export class UnexpectedReturn extends defineError<UnexpectedReturn>()("UnexpectedReturn", {
  fields: { what: Schema.String, got: Schema.String, wanted: Schema.String, at: Place },
  message: (e) => `${e.what} returned ${e.got}, not ${e.wanted}${atPlace(e.at)}`,
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

const made = new WeakMap<object, Error>()

/** Remembers where in its author's files a function was given to jiji, for when it answers what it must not. */
export const remember = <F extends object>(given: F): F => {
  made.set(given, new Error("given here"))
  return given
}

const kind = (value: unknown): string => {
  if (Effect.isEffect(value)) return "an Effect"
  if (typeof value === "function") return "a function"
  if (typeof value !== "object" || value === null) return String(value)
  const name = Object.prototype.toString.call(value).slice("[object ".length, -1)
  return name === "Object" || name === "Array" ? `an ${name.toLowerCase()}` : `a ${name}`
}

/** What is thrown where a function of an author's answered something else than its signature says. */
const unexpected = (what: string, wanted: string, value: unknown, given?: object): UnexpectedReturn => {
  // Whether it fails is of no interest any more.
  if (value instanceof Promise) value.catch(() => {})
  const at = given && placeOf(made.get(given))
  return new UnexpectedReturn({ what, wanted, got: kind(value), ...(at === undefined ? {} : { at }) })
}

/** What a function of an author's has answered, which the compiler may not have looked at. */
export const answered = <A>(what: string, wanted: string, value: A, is: boolean): A => {
  if (!is) throw unexpected(what, wanted, value)
  return value
}

/** How effect ends a fiber that is given something else than an effect: at once, with nothing behind it run. */
const invalid = "Fiber.runLoop: Not a valid effect: "

const explained = <E>(what: string, reason: Cause.Reason<E>): Cause.Reason<E> => {
  if (!Cause.isDieReason(reason) || typeof reason.defect !== "string") return reason
  const [begin, shown] = reason.defect.split(invalid)
  if (begin !== "" || shown === undefined) return reason
  const [, name] = /^\[object (\w+)\]$/.exec(shown) ?? []
  const got = name === undefined ? shown : `a ${name}`
  return Cause.makeDieReason(new UnexpectedReturn({ what: `something in ${what}`, wanted: "an Effect", got }))
}

/**
 * What an author's function answers, run in a fiber of its own: effect ends one that comes upon no Effect as it stands,
 * and nothing else may end so.
 */
export const effectOf = <A, E, R>(
  what: string,
  given: object,
  answer: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const asked = Effect.suspend(() => {
    const effect = answer()
    return Effect.isEffect(effect) ? effect : Effect.die(unexpected(what, "an Effect", effect, given))
  })
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(restore(asked), { startImmediately: true }), (fiber) =>
      Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber)).pipe(
        // What it has done by the time that it is interrupted, it has done.
        Effect.catchCause(() => Fiber.await(fiber)),
        Effect.flatMap((exit) => {
          if (Exit.isFailure(exit)) {
            return Effect.failCause(Cause.fromReasons(exit.cause.reasons.map((reason) => explained(what, reason))))
          }
          // Of an `Effect.map` with an async function: nothing has waited for it.
          const isPromise = exit.value instanceof Promise
          return isPromise ? Effect.die(unexpected(`something in ${what}`, "an Effect", exit.value)) : exit
        })
      )
    )
  )
}
