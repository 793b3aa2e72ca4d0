import { Context, Duration, Effect, Stream } from "effect"
import type { Events } from "../../core/Events.ts"
import { formatWait } from "../../core/units.ts"
import { type Command, CommandTimedOut } from "./Command.ts"
import { on } from "./machineText.ts"

/** Multiplies the limits of all commands, so that tests do not wait for minutes. */
export const LimitScale = Context.Reference<number>("jiji/layers/processes/LimitScale", { defaultValue: () => 1 })

/** How long to wait for an answer to `ask`, in milliseconds. */
const askTimeout = 90_000

/**
 * Enforces a command's limit from now on, and says at times that jiji still waits. Call `onOutput` whenever the command
 * writes something.
 */
export const enforceLimit = (
  { publish }: Events["Service"],
  machine: string,
  { limit, script, words }: Pick<Command, "limit" | "script" | "words">
) => {
  let outputs = 0
  const expired = Effect.gen(function* () {
    if (limit === undefined) return yield* Effect.never
    const scale = yield* LimitScale
    const { counts = "total", program = words[0], progress = Effect.succeed(0), stretch = () => 1 } = limit
    const waitingFor = limit.waitingFor ?? `${script ?? words[0]} to finish`
    const unstretched = Math.ceil(Duration.toMillis(limit.after) * scale)
    const noteAt = limit.noteAfter === undefined ? unstretched / 6 : Duration.toMillis(limit.noteAfter) * scale
    const noteAfter = Math.max(1, Math.ceil(noteAt))
    const askEvery = limit.askEvery === undefined ? Infinity : Math.ceil(Duration.toMillis(limit.askEvery) * scale)
    const activity = Effect.map(progress, (amount) => outputs + amount)
    let [seen, waited, nextNote, nextAsk] = [yield* activity, 0, noteAfter, askEvery]
    while (true) {
      const millis = unstretched * stretch()
      // Add up short waits instead of reading the clock: it also runs while a laptop sleeps.
      const step = Math.min(noteAfter, nextNote - waited, nextAsk - waited, millis - waited)
      yield* Effect.sleep(step)
      waited += step
      const now = yield* activity
      if (counts === "silence" && now !== seen) {
        ;[seen, waited, nextNote, nextAsk] = [now, 0, noteAfter, askEvery]
        continue
      }
      if (waited >= millis) return yield* new CommandTimedOut({ machine, program, waitingFor, millis, counts })
      const isNoted = waited >= nextNote
      if (isNoted) {
        nextNote *= 3
        const time = counts === "total" ? formatWait(waited) : `no progress for ${formatWait(waited)}`
        const text = `still waiting for ${waitingFor} ${on(machine)} (${time})`
        yield* publish({ _tag: "StepNoted", level: "warning", text })
      }
      if (!isNoted && waited < nextAsk) continue
      nextAsk = waited + askEvery
      // It may have to wait for a free session on the server.
      yield* Effect.timeoutOption(limit.ask ?? Effect.void, askTimeout * scale).pipe(
        Effect.catch((error) => Effect.flatMap(activity, (after) => (after === now ? error : Effect.void)))
      )
    }
  })
  return {
    onOutput: (): void => void outputs++,
    /** Runs an effect within the limit. */
    during: <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CommandTimedOut, R> =>
      limit === undefined ? effect : Effect.raceFirst(effect, expired),
    /** Runs a stream within the limit. */
    duringStream: <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E | CommandTimedOut, R> =>
      limit === undefined ? stream : Stream.interruptWhen(stream, expired)
  }
}
