import { Clock, Effect, Exit, Layer, Stream } from "effect"
import { CurrentPath } from "../../core/Events.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import type { Command } from "../processes/Command.ts"
import { label, type Machine, remote } from "./Machine.ts"
import { Shell } from "./Shell.ts"

/** A finished command: its node's original path (which may contain a secret), its machine, its times (epoch milliseconds) and its result. */
export interface CommandRun {
  readonly path: string
  readonly machine: string
  /** The program, or the name of jiji's script. Without arguments, which may be confidential. */
  readonly program: string
  readonly startedAt: number
  readonly endedAt: number
  /** Absent if the command did not finish. */
  readonly exitCode?: number
  /** The tag of its error, or `Interrupted`. */
  readonly failure?: string
}

const failureOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const reason = exit.cause.reasons.find((each) => each._tag === "Fail")
  return reason?._tag === "Fail" ? reason.error._tag : "Interrupted"
}

/** Wraps the shell and calls `onCommandEnd` after each command, without secrets. */
export const tracedShell = (onCommandEnd: (ran: CommandRun) => void) =>
  Layer.effect(
    Shell,
    Effect.gen(function* () {
      const shell = yield* Shell
      const scrubber = yield* Scrubber
      const start = (machine: Machine, command: Command) =>
        Effect.gen(function* () {
          const path = yield* CurrentPath
          const clock = yield* Clock.Clock
          const startedAt = clock.currentTimeMillisUnsafe()
          // Names of jiji's scripts are not secret.
          const program = command.script ?? scrubber.text(command.words[0])
          return (exit: Exit.Exit<unknown, { readonly _tag: string }>, exitCode: number | undefined) =>
            Effect.sync(() => {
              const failure = failureOf(exit)
              onCommandEnd({
                path,
                machine: machine._tag === "Local" ? label(machine) : scrubber.text(label(machine)),
                program,
                startedAt,
                endedAt: clock.currentTimeMillisUnsafe(),
                ...(exitCode !== undefined && { exitCode }),
                ...(failure !== undefined && { failure })
              })
            })
        })
      return Shell.of({
        dial: shell.dial,
        forwardAgent: shell.forwardAgent,
        interact: Effect.fnUntraced(function* (server, command, terminal) {
          const end = yield* start(remote(server), command)
          const starting = shell.interact(server, command, terminal)
          const child = yield* Effect.onError(starting, (cause) => end(Exit.failCause(cause), undefined))
          let code: number | undefined
          yield* Effect.addFinalizer(() => end(code === undefined ? Exit.interrupt() : Exit.void, code))
          return { ...child, exitCode: Effect.tap(child.exitCode, (exited) => Effect.sync(() => (code = exited))) }
        }),
        run: (machine, command) =>
          Effect.flatMap(start(machine, command), (end) =>
            Effect.onExit(shell.run(machine, command), (exit) =>
              end(exit, Exit.isSuccess(exit) ? exit.value.exitCode : undefined)
            )
          ),
        bytes: (machine, command) =>
          Stream.unwrap(
            Effect.map(start(machine, command), (end) =>
              Stream.onExit(shell.bytes(machine, command), (exit) => end(exit, Exit.isSuccess(exit) ? 0 : undefined))
            )
          )
      })
    })
  )
