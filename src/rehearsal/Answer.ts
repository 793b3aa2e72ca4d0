import { type Duration, Effect } from "effect"
import type { Server } from "../config/Project.ts"
import type { Command, Output } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"
import type { ForwardRefused, SshError } from "../layers/ssh/SshError.ts"
import type { ShellError } from "../layers/shell/Shell.ts"

/** What a command wrote, and how it ended. Where it was cut off, its exit code was never known. */
export interface ScriptedOutput extends Output {
  readonly isCut?: boolean
}

/** What was asked, and what would be answered if no script said anything else. */
export interface CommandRequest {
  readonly machine: Machine
  readonly command: Command
  readonly usual: Output
}

/** What a command is answered. It may take its time, and fail as the shell does. */
export type Reply = (asked: CommandRequest) => Effect.Effect<ScriptedOutput, ShellError>

/** A port that was opened on a server, and when its connection is lost. */
export interface Forwarded {
  readonly port: number
  readonly lostAfter?: Duration.Input
}

/** What one time is answered of those that are counted, if anything. */
export type PerAttempt<A> = ((nth: number) => A | undefined) | undefined

/**
 * What machines answer to some of what they are asked. Times are counted from 1, for each machine by itself; where there
 * is no answer to what is asked, or none this time, the next answer of the script is asked.
 */
export interface Answer {
  /** How a person calls it. */
  readonly name: string
  /** The glob of the machines that it is of, where it is of some. */
  readonly on?: string
  readonly command?: (machine: Machine, command: Command) => PerAttempt<Reply>
  readonly connect?: (server: Server) => PerAttempt<Effect.Effect<{ readonly isNew: boolean }, SshError>>
  readonly forward?: (server: Server, port: number) => PerAttempt<Effect.Effect<Forwarded, SshError | ForwardRefused>>
}

/** What is answered where no script says anything else: all goes well. */
export const usual: Reply = ({ usual }) => Effect.succeed(usual)
