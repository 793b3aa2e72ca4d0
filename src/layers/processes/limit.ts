import { Context, Duration, Effect, Stream } from "effect"
import type { Events } from "../../core/Events.ts"
import { formatWait } from "../../core/units.ts"
import { type Command, CommandTimedOut, type Limit } from "./Command.ts"
import { on } from "./machineText.ts"

/** Multiplies the limits of all commands, so that tests do not wait for minutes. */
export const LimitScale = Context.Reference<number>("jiji/layers/processes/LimitScale", { defaultValue: () => 1 })

/** How long to wait for an answer to `ask`, in milliseconds. */
const askTimeout = 90_000

/** Timers cannot be longer than 24 days. */
const maxSleep = 24 * 60 * 60 * 1000

/** jiji says of a command on a server without a limit that it still waits, unless someone sees what the command does. */
const defaultLimit = (machine: string, { asks, show }: Pick<Command, "asks" | "show">): Limit | undefined =>
  machine === "local" || asks === true || show !== undefined ? undefined : { after: Infinity, noteAfter: "30 seconds" }

/**
 * Enforces a command's limit from now on, and says at times that jiji still waits. Call `onOutput` whenever the command
 * writes something.
 */
export const enforceLimit = (
  { publish }: Events["Service"],
  machine: string,
  command: Pick<Command, "asks" | "limit" | "script" | "show" | "words">
) => {
  const { script, words } = command
  let outputs = 0
  const expires = Effect.fnUntraced(function* (limit: Limit) {
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
      const step = Math.min(
        counts === "silence" ? noteAfter : maxSleep,
        nextNote - waited,
        nextAsk - waited,
        millis - waited
      )
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
  const limit = command.limit ?? defaultLimit(machine, command)
  return {
    onOutput: (): void => void outputs++,
    /** Runs an effect within the limit. */
    during: <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CommandTimedOut, R> =>
      limit === undefined ? effect : Effect.raceFirst(effect, expires(limit)),
    /** Runs a stream within the limit. Without one, it says nothing: its reader sees what arrives. */
    duringStream: <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E | CommandTimedOut, R> =>
      command.limit === undefined ? stream : Stream.interruptWhen(stream, expires(command.limit))
  }
}
