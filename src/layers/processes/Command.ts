import { type Effect, type Redacted, Schema, type Stream } from "effect"
import { defineError } from "../../core/defineError.ts"
import { on } from "./machineText.ts"

/**
 * A program and its arguments. They are words, never parsed by a shell. Secrets travel in `env` or `stdin`, which reach
 * no command line on either machine.
 */
export interface Command {
  readonly words: readonly [program: string, ...args: ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>>
  readonly stdin?: string | Redacted.Redacted<string>
  /** On this machine: the command reads what a person types, or what is piped into jiji. Others have an empty input. */
  readonly asks?: boolean
  /**
   * On this machine: what it has started may go on once it has ended well. Its outputs, which that may hold open, are then
   * read for a moment longer.
   */
  readonly handsOn?: boolean
  /** Publishes each line of this output as an event while the command runs. */
  readonly show?: "all" | "stderr"
  /**
   * Hears each line of the outputs that are read as lines, stderr and what is shown, before it is kept or published;
   * answers what is, if anything. For programs that tell on their way how far they are.
   */
  readonly heard?: (line: string) => string | undefined
  /** What a script is called where the command is shown, in place of its text. */
  readonly script?: string
}

/** A script for `sh` with its arguments, which it sees as `$1`, `$2`, …; its text is constant. */
export const script = (name: string, text: string, args: ReadonlyArray<string>): Command => ({
  words: ["sh", "-c", text, "jiji", ...args],
  script: name
})

/** What a command wrote, and how it ended: its exit code, or 128 and the number of the signal that ended it. */
export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** A running command. Read both outputs: they have back-pressure. */
export interface Process<E> {
  readonly stdout: Stream.Stream<Uint8Array, E>
  readonly stderr: Stream.Stream<Uint8Array, E>
  readonly exitCode: Effect.Effect<number, E>
}

/** A program cannot be started on this machine: it is not installed, or the user may not run it. */
export class ProgramMissing extends defineError<ProgramMissing>()("ProgramMissing", {
  fields: { program: Schema.String, reason: Schema.Defect() },
  message: (e) => `${e.program} cannot be started on this machine: it is not installed, or not in PATH.`,
  remedy: (e) => `Install ${e.program}, then check with: command -v ${e.program}`,
  exitCode: "unavailable",
  sample: { program: "docker", reason: "ENOENT" }
}) {}

/** A command that streams data, such as `docker save`, failed. */
export class CommandFailed extends defineError<CommandFailed>()("CommandFailed", {
  fields: { machine: Schema.String, program: Schema.String, code: Schema.Int, stderr: Schema.String },
  message: (e) => `${e.program} failed ${on(e.machine)} with exit code ${e.code}: ${e.stderr.trim()}`,
  remedy: "Run the command by hand to see more; --dry-run prints it.",
  exitCode: "failed",
  sample: { machine: "local", program: "docker", code: 1, stderr: "Error: no such image" }
}) {}

/** jiji stopped a command that printed far too much. */
export class OutputTooLong extends defineError<OutputTooLong>()("OutputTooLong", {
  fields: { machine: Schema.String, program: Schema.String, bytes: Schema.Int },
  message: (e) => `${e.program} was stopped ${on(e.machine)}: it printed more than ${e.bytes / 1024 / 1024} MiB.`,
  remedy: "Find out why it prints so much. To run the command by hand, print it with --dry-run.",
  exitCode: "failed",
  sample: { machine: "web1", program: "pull", bytes: 64 * 1024 * 1024 }
}) {}

/** How a command on this machine can fail, whatever its exit code. */
export type ProcessError = ProgramMissing | OutputTooLong
