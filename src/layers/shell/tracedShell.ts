import { Clock, Effect, Exit, Layer, Stream } from "effect"
import { CurrentPath } from "../../core/Events.ts"
import type { Command } from "../processes/Command.ts"
import { label, type Machine } from "./Machine.ts"
import { Shell } from "./Shell.ts"

/** A command that has run: for which node, where, when (epoch milliseconds), and how it ended. */
export interface CommandRun {
  readonly path: string
  readonly machine: string
  /** The program, or the name of a script of jiji's own. Nothing that was given to it. */
  readonly program: string
  readonly began: number
  readonly ended: number
  /** Absent where it did not come to its end. */
  readonly exitCode?: number
  /** The tag of the error that it ended in, or that it was interrupted. */
  readonly failure?: string
}

const failureOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const reason = exit.cause.reasons.find((each) => each._tag === "Fail")
  return reason?._tag === "Fail" ? reason.error._tag : "Interrupted"
}

/** The shell, and somebody who is told of every command when it has ended. */
export const tracedShell = (told: (ran: CommandRun) => void) =>
  Layer.effect(
    Shell,
    Effect.map(Shell, (shell) => {
      const begin = (machine: Machine, command: Command) =>
        Effect.gen(function* () {
          const path = yield* CurrentPath
          const clock = yield* Clock.Clock
          const began = clock.currentTimeMillisUnsafe()
          const program = command.script ?? command.words[0]
          return (exit: Exit.Exit<unknown, { readonly _tag: string }>, exitCode: number | undefined) =>
            Effect.sync(() => {
              const failure = failureOf(exit)
              told({
                path,
                machine: label(machine),
                program,
                began,
                ended: clock.currentTimeMillisUnsafe(),
                ...(exitCode !== undefined && { exitCode }),
                ...(failure !== undefined && { failure })
              })
            })
        })
      return Shell.of({
        run: (machine, command) =>
          Effect.flatMap(begin(machine, command), (end) =>
            Effect.onExit(shell.run(machine, command), (exit) =>
              end(exit, Exit.isSuccess(exit) ? exit.value.exitCode : undefined)
            )
          ),
        bytes: (machine, command) =>
          Stream.unwrap(
            Effect.map(begin(machine, command), (end) =>
              Stream.onExit(shell.bytes(machine, command), (exit) => end(exit, Exit.isSuccess(exit) ? 0 : undefined))
            )
          )
      })
    })
  )
