import { type Duration, type Effect, type Redacted, Schema, type Stream } from "effect"
import { defineError } from "../../core/defineError.ts"
import { formatWait } from "../../core/units.ts"
import { on } from "./machineText.ts"

/**
 * A program and its arguments, given as separate words: no shell parses them. Pass secrets in `env` or `stdin`, which
 * appear in no process list, neither on this machine nor on a server.
 */
export interface Command {
  readonly words: readonly [program: string, ...args: ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>>
  readonly stdin?: string | Redacted.Redacted<string>
  /**
   * A stdin of any length, in place of `stdin`. It is read as fast as the command reads it. If jiji stops the command or loses
   * the connection, a command on a server does not see the end of its stdin before it is stopped.
   */
  readonly input?: Stream.Stream<Uint8Array>
  /** The command inherits jiji's stdin. Only on this machine. Without `asks`, `stdin` and `input`, its stdin is empty. */
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
  /** The script's arguments, by name, as they are shown. */
  readonly arguments?: Readonly<Record<string, string>>
  /** What a person would type to do what the script does: the words of each command. */
  readonly byHand?: ReadonlyArray<ReadonlyArray<string>>
  /** The command changes nothing that a run is about, so a rehearsal neither shows it nor needs an answer to it. */
  readonly quiet?: boolean
  /** A server that runs one command at a time ends it when there is another. */
  readonly givesWay?: boolean
  /** What the script prints in a rehearsal, unless the rehearsal answers otherwise. */
  readonly usual?: (machine: Simulated) => string
  /**
   * How long jiji waits for the command. Without it, jiji waits until the command exits. If that is on a server, jiji says
   * from time to time that it still waits, unless the command asks or shows something.
   */
  readonly limit?: Limit
  /** What the command does if jiji stops it. Only on a server. Without it, jiji waits a few seconds for the command. */
  readonly cleanup?: {
    /** How long jiji waits for it. */
    readonly timeout: Duration.Duration
    /** What it is doing, such as "removing the new container of web". Undefined if there is nothing to clean up now. */
    readonly text: () => string | undefined
  }
}

/** What a rehearsal knows of the machine that it answers for. */
export interface Simulated {
  /** The processor, as in image platforms. */
  readonly architecture: string
}

/** How long jiji waits for a command before it stops it, and when it says that it is still waiting. */
export interface Limit {
  readonly after: Duration.Input
  /** Whether all its time counts (the default), or only the time since its last output. */
  readonly counts?: "total" | "silence"
  /** When jiji first says that it is still waiting; then again after three and nine times as long. Default: a sixth of `after`. */
  readonly noteAfter?: Duration.Input
  /** What jiji waits for, such as `docker to answer`. */
  readonly waitingFor?: string
  /** The program that would be to blame. Default: the command's own. */
  readonly program?: string
  /** Multiplies `after`. jiji calls it again and again: it may only turn out later how much a command shows of its progress. */
  readonly stretch?: () => number
  /** A number that also changes when the command makes progress, such as bytes through a tunnel. */
  readonly progress?: Effect.Effect<number>
  /** Runs with each note, or as often as `askEvery` says. If it fails, jiji stops the command, unless that made progress meanwhile. */
  readonly ask?: Effect.Effect<unknown, CommandTimedOut>
  readonly askEvery?: Duration.Input
}

/** Makes a command that runs a script with `sh`. The arguments are `$1`, `$2`, …; `text` should be constant. */
export const script = (name: string, text: string, args: ReadonlyArray<string>): Command => ({
  words: ["sh", "-c", text, "jiji", ...args],
  script: name
})

/** The words of a command, or the arguments of a {@link script}. */
export const argumentsOf = (command: Command): ReadonlyArray<string> =>
  command.script === undefined ? command.words : command.words.slice(4)

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

/** jiji stopped a command that printed far too much, or an answer of a service that was far too long. */
export class OutputTooLong extends defineError<OutputTooLong>()("OutputTooLong", {
  fields: {
    machine: Schema.String,
    program: Schema.String,
    bytes: Schema.Int,
    /** What the service had to do. Absent if jiji stopped a command. */
    operation: Schema.optionalKey(Schema.String)
  },
  message: (e) => {
    const size = `more than ${e.bytes / 1024 / 1024} MiB`
    return e.operation === undefined
      ? `${e.program} was stopped ${on(e.machine)}: it printed ${size}.`
      : `Cannot ${e.operation} ${on(e.machine)}: ${e.program} sent ${size}.`
  },
  remedy: "Find out why it prints so much. To run the command by hand, print it with --dry-run.",
  exitCode: "failed",
  sample: [
    { machine: "web1", program: "pull", bytes: 64 * 1024 * 1024 },
    { machine: "web1", program: "docker", bytes: 16 * 1024 * 1024, operation: "list containers" }
  ]
}) {}

/** How to find out why an engine does not answer. */
const timeOutRemedy = (program: string, waitingFor: string, machine: string): string => {
  switch (program) {
    case "docker":
      return `${waitingFor === "docker to answer" ? "docker may be frozen" : "docker may be frozen, or its connection to a registry may hang"}. Check it ${on(machine)} with \`systemctl status docker\` and \`journalctl -u docker\`. If \`docker version\` does not answer there, restart it.`
    case "podman":
      return `podman may be waiting for another process. Check ${on(machine)} whether \`podman ps\` answers, and what runs: ps aux`
    default:
      return `Check ${on(machine)} what it waits for: ps aux`
  }
}

/** jiji stopped a command that did not finish, or made no progress, in time. */
export class CommandTimedOut extends defineError<CommandTimedOut>()("CommandTimedOut", {
  fields: {
    machine: Schema.String,
    program: Schema.String,
    waitingFor: Schema.String,
    millis: Schema.Finite,
    counts: Schema.Literals(["total", "silence"])
  },
  message: (e) =>
    e.counts === "total"
      ? `Timed out ${on(e.machine)} after waiting ${formatWait(e.millis)} for ${e.waitingFor}.`
      : `Timed out ${on(e.machine)} while waiting for ${e.waitingFor}: no progress for ${formatWait(e.millis)}.`,
  remedy: (e) => timeOutRemedy(e.program, e.waitingFor, e.machine),
  exitCode: "unavailable",
  sample: [
    { machine: "web1", program: "docker", waitingFor: "docker to answer", millis: 60_000, counts: "total" },
    {
      machine: "web1",
      program: "docker",
      waitingFor: "docker to pull nginx:1.27",
      millis: 600_000,
      counts: "silence"
    }
  ]
}) {}

/** How a command on this machine can fail, whatever its exit code. */
export type ProcessError = ProgramMissing | OutputTooLong | CommandTimedOut
