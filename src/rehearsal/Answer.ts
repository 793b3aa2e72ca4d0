import { type Duration, Effect } from "effect"
import type { Server } from "../config/Project.ts"
import type { Command, Output } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"
import type { ForwardRefused, SshError } from "../layers/ssh/SshError.ts"
import type { ShellError } from "../layers/shell/Shell.ts"

/** The scripted result of a command. With `isCut`, the command was cut off, so its exit code is unknown. */
export interface ScriptedOutput extends Output {
  readonly isCut?: boolean
}

/** A command that needs an answer, and the usual output for it. */
export interface CommandRequest {
  readonly machine: Machine
  readonly command: Command
  readonly usual: Output
}

/** Answers a command. It can take (virtual) time, and fail with the errors of the shell. */
export type Reply = (asked: CommandRequest) => Effect.Effect<ScriptedOutput, ShellError>

/** A port that a server opened, and after which time its connection is lost; never by default. */
export interface Forwarded {
  readonly port: number
  readonly lostAfter?: Duration.Input
}

/** The reply by attempt, counted from 1; undefined if there is none. */
export type PerAttempt<A> = ((nth: number) => A | undefined) | undefined

/** A signal, and after which time it is sent; by default at once. */
export interface SentSignal {
  readonly value: unknown
  readonly by: string
  readonly after?: Duration.Input
}

/**
 * How machines answer certain commands, connections or forwards. Attempts are counted from 1, separately for each machine.
 * If an answer has no reply for a request or for this attempt, the script tries the next answer.
 */
export interface Answer {
  /** Its name in messages. */
  readonly name: string
  /** Answers a step that waits for a signal. */
  readonly signal?: (name: string) => PerAttempt<SentSignal>
  /** A glob of the machines to which it applies; absent if it is not limited by machine. */
  readonly on?: string
  readonly command?: (machine: Machine, command: Command) => PerAttempt<Reply>
  readonly connect?: (server: Server) => PerAttempt<Effect.Effect<{ readonly isNew: boolean }, SshError>>
  readonly forward?: (server: Server, port: number) => PerAttempt<Effect.Effect<Forwarded, SshError | ForwardRefused>>
}

/** The default reply: the command succeeds. */
export const usual: Reply = ({ usual }) => Effect.succeed(usual)
