import { Clock, Duration, Effect, Pipeable, Result, Schema } from "effect"
import { CurrentPath, Events } from "../core/Events.ts"
import { waiting } from "./interpreter/Activity.ts"
import { CurrentJournal } from "./interpreter/Journal.ts"
import { checkName } from "./paths.ts"
import { SignalMissing, SignalUnanswered } from "./PipelineError.ts"
import type { Step } from "./Step.ts"

interface StepOptions<Adds, E> {
  readonly result: Schema.Codec<Adds, unknown>
  readonly signal?: Schema.Codec<unknown, unknown>
  readonly run: Effect.Effect<Adds, E, Events>
}

const makeStep = <Adds, E, Name extends string>(
  name: Name,
  options: StepOptions<Adds, E>
): Step<{}, Adds, E, Events, Name> => ({
  ...Pipeable.Prototype,
  _tag: "Step",
  name: checkName(name),
  result: options.result,
  ...(options.signal !== undefined && { signal: options.signal }),
  run: () => options.run,
  wrappers: []
})

/** Returns when a wait ends, in epoch milliseconds. A resumed run goes on with the time at which the wait began. */
const deadline = Effect.fnUntraced(function* (duration: Duration.Duration | undefined) {
  const journal = yield* CurrentJournal
  const path = yield* CurrentPath
  const entry = journal?.read(path)
  if (entry?._tag === "Waiting") return entry.until
  const until = duration === undefined ? undefined : (yield* Clock.currentTimeMillis) + Duration.toMillis(duration)
  const stored = until === undefined || !Number.isFinite(until) ? {} : { until: Math.round(until) }
  yield* journal?.write(path, { _tag: "Waiting", ...stored }) ?? Effect.void
  return stored.until
})

const remaining = (until: number) =>
  Effect.map(Clock.currentTimeMillis, (now) => Duration.millis(Math.max(0, until - now)))

const note = (text: string, level: "info" | "warning" = "info") =>
  Effect.flatMap(Events, ({ publish }) => publish({ _tag: "StepNoted", level, text }))

/**
 * Creates a step that waits until somebody sends a signal: `jiji signal RUN NAME`, with a JSON value that fits the `schema`. The
 * value is in the state under the name of the signal. Without a schema, it is `true`.
 *
 * The signal may come before the step, or while no process runs it: a resumed run finds it. Each signal ends one wait. A value
 * that does not fit is refused with a warning. After `within`, counted from when the wait began, the step fails with
 * SignalMissing.
 *
 * `dryRun` is the value that `jiji run --dry-run` goes on with. A rehearsal can answer with `Answer.signal`.
 */
export const waitFor = <const Name extends string, A = true>(
  name: Name,
  options: {
    readonly schema?: Schema.Codec<A, unknown>
    readonly within?: Duration.Input
    readonly dryRun?: NoInfer<A>
  } = {}
): Step<{}, { readonly [P in Name]: A }, SignalMissing | SignalUnanswered, Events, Name> => {
  const within = options.within === undefined ? undefined : Duration.fromInputUnsafe(options.within)
  // Without a schema, A is `true`.
  const schema = options.schema ?? (Schema.Literal(true) as unknown as Schema.Codec<A, unknown>)
  const dryRun = "dryRun" in options ? { value: options.dryRun as A } : undefined
  const decode = Schema.decodeUnknownResult(schema)
  // TypeScript widens a computed key to `string`.
  const added = (value: A) => ({ [name]: value }) as { readonly [P in Name]: A }
  // For the same reason.
  const result = Schema.Struct({ [name]: schema }) as unknown as Schema.Codec<{ readonly [P in Name]: A }, unknown>

  const wait = Effect.fnUntraced(function* (until: number | undefined) {
    const journal = yield* CurrentJournal
    const path = yield* CurrentPath
    while (true) {
      const signal = yield* waiting(
        { path, signal: name, ...(until !== undefined && { until }) },
        journal?.signal(path, name) ?? Effect.undefined
      )
      if (signal === undefined) {
        const usual =
          dryRun ??
          (options.schema === undefined
            ? Result.getOrUndefined(Result.map(decode(true), (value) => ({ value })))
            : undefined)
        if (journal === undefined || usual === undefined) return yield* new SignalUnanswered({ path, name })
        yield* note(`would wait for ${name}`)
        return added(usual.value)
      }
      const decoded = decode(signal.value)
      if (Result.isSuccess(decoded)) {
        yield* note(`${name} by ${signal.by}`)
        return added(decoded.success)
      }
      const reason = decoded.failure.message.replaceAll(/\s*\n\s*/g, " ")
      yield* note(`refused ${name} by ${signal.by}: ${reason}`, "warning")
    }
  })

  const run = Effect.gen(function* () {
    const path = yield* CurrentPath
    const journal = yield* CurrentJournal
    const until = yield* deadline(within)
    if (journal?.isDryRun !== true)
      yield* note(`waiting for ${name}: ${journal?.howToSignal(name) ?? "nobody can send it"}`)
    if (until === undefined) return yield* wait(until)
    const millis = within === undefined ? 0 : Duration.toMillis(within)
    return yield* Effect.timeoutOrElse(wait(until), {
      duration: yield* remaining(until),
      orElse: () => Effect.fail(new SignalMissing({ path, name, millis }))
    })
  })
  return makeStep(name, { result, signal: schema, run })
}

/**
 * Creates a step that waits for a time. A resumed run waits until the time that it would have been. `jiji run --dry-run` does
 * not wait, and in a rehearsal the time is virtual.
 */
export const sleep = <const Name extends string>(
  name: Name,
  duration: Duration.Input
): Step<{}, {}, never, Events, Name> => {
  const time = Duration.fromInputUnsafe(duration)
  const run = Effect.gen(function* () {
    const journal = yield* CurrentJournal
    if (journal?.isDryRun === true) {
      yield* note(`would wait ${Duration.format(time)}`)
      return {}
    }
    const until = (yield* deadline(time)) ?? 0
    yield* note(`waiting until ${new Date(until).toISOString()}`)
    const path = yield* CurrentPath
    yield* waiting({ path, until }, Effect.flatMap(remaining(until), Effect.sleep))
    return {}
  })
  return makeStep(name, { result: Schema.Struct({}), run })
}
