import { type Effect, type Redacted, Schema, type Stream } from "effect"
import { ExitCode } from "../../core/Failure.ts"

/**
 * A program and its arguments, given as separate words: no shell parses them. Pass secrets in `env` or `stdin`, which
 * appear in no process list, neither on this machine nor on a server.
 */
export interface Command {
  readonly words: readonly [program: string, ...args: ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>>
  readonly stdin?: string | Redacted.Redacted<string>
  /** The command inherits jiji's stdin. Only on this machine. Without `asks` and `stdin`, its stdin is empty. */
  readonly asks?: boolean
  /**
   * Lets background processes of the command continue after it exits with 0. Only on this machine. Because they may keep
   * its outputs open, jiji stops reading these half a second after the command exits.
   */
  readonly allowBackground?: boolean
  /** Publishes each line of these outputs as an event while the command runs. */
  readonly show?: "all" | "stderr"
  /**
   * Called with each line of stderr and of the outputs in `show`, before the line is kept or published. Returns the line
   * to use instead, or undefined to drop it. For example, to read a program's progress.
   */
  readonly onLine?: (line: string) => string | undefined
  /** The script's name, shown instead of its text. */
  readonly script?: string
}

/** Makes a command that runs a script with `sh`. The arguments are `$1`, `$2`, …; `text` should be constant. */
export const script = (name: string, text: string, args: ReadonlyArray<string>): Command => ({
  words: ["sh", "-c", text, "jiji", ...args],
  script: name
})

/** The result of a command. The exit code is 128 + the signal's number if a signal killed the command. */
export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** A running command. Read both outputs, or the command blocks: they have back-pressure. */
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
