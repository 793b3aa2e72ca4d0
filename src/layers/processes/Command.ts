import { type Effect, type Redacted, Schema, type Stream } from "effect"
import { ExitCode } from "../../core/Failure.ts"

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
  readonly allowBackground?: boolean
  /** Publishes each line of this output as an event while the command runs. */
  readonly show?: "all" | "stderr"
  /**
   * Hears each line of the outputs that are read as lines, stderr and what is shown, before it is kept or published;
   * answers what is, if anything. For programs that tell on their way how far they are.
   */
  readonly onLine?: (line: string) => string | undefined
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

/** A program could not be started on this machine: it is not there, or may not be run. */
export class ProgramMissing extends Schema.TaggedError<ProgramMissing>()("ProgramMissing", {
  program: Schema.String,
  reason: Schema.Defect()
}) {
  override get message() {
    return `${this.program} cannot be started on this machine: it is not installed, or not in PATH.`
  }
  get remedy() {
    return `Install ${this.program}, and check with: command -v ${this.program}`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** A command for its bytes ended with another exit code than 0. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  machine: Schema.String,
  program: Schema.String,
  code: Schema.Int,
  stderr: Schema.String
}) {
  override get message() {
    return `${this.program} on ${this.machine} ended with exit code ${this.code}: ${this.stderr.trim()}`
  }
  get remedy() {
    return "Run the command by hand to see more; --dry-run prints it."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** A command wrote more than it ever should, and was ended. */
export class OutputTooLong extends Schema.TaggedError<OutputTooLong>()("OutputTooLong", {
  machine: Schema.String,
  program: Schema.String,
  bytes: Schema.Int
}) {
  override get message() {
    return `${this.program} on ${this.machine} was ended: it wrote more than ${this.bytes / 1024 / 1024} MiB.`
  }
  get remedy() {
    return "Find out what writes so much on that machine; --dry-run prints the command, to run it by hand."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** How a command on this machine can fail, whatever its exit code. */
export type ProcessError = ProgramMissing | OutputTooLong
