import { Cause, Context, Exit, Option, Tracer } from "effect"
import type { CommandRun } from "../../layers/shell/tracedShell.ts"
import type { Event, FailureRecord } from "../../core/Event.ts"
import { originalPath } from "../../core/Events.ts"
import { parentPaths } from "../eventLine.ts"
import type { ParentSpan } from "./settings.ts"

/** OpenTelemetry uses nanoseconds. */
const nanos = (millis: number): bigint => BigInt(Math.round(millis)) * 1_000_000n

/** The error of a span. Its stack is only the message, because the real one would lead into the tracer. */
const errorExit = (name: string, message: string): Exit.Exit<never, Error> =>
  Exit.fail(Object.assign(new Error(message), { name, stack: `${name}: ${message}` }))

const tagOf = (failures: ReadonlyArray<FailureRecord>): string => failures[0]?.tag ?? "Failed"
const messageOf = (failures: ReadonlyArray<FailureRecord>): string => failures.map(({ message }) => message).join(" ")

const failureExit = (failures: ReadonlyArray<FailureRecord>): Exit.Exit<never, Error> =>
  errorExit(tagOf(failures), messageOf(failures))

const interrupted = Exit.failCause(Cause.interrupt())

const serverOf = (path: string): string | undefined => /\/servers\[([^\]]*)\]/u.exec(path)?.[1]

/** Creates spans for a run, its nodes, and their commands. */
export class Spans {
  readonly #tracer: Tracer.Tracer
  readonly #parent: ParentSpan | undefined
  readonly #attributes: Readonly<Record<string, string>>
  /** By original path. */
  readonly #spans = new Map<string, Tracer.Span>()
  /** Finished commands by original path, until their node ends. */
  readonly #commands = new Map<string, Array<CommandRun>>()

  /** The run's span gets the `attributes`. */
  constructor(tracer: Tracer.Tracer, parent: ParentSpan | undefined, attributes: Readonly<Record<string, string>>) {
    this.#tracer = tracer
    this.#parent = parent
    this.#attributes = attributes
  }

  #begin(
    name: string,
    time: number,
    parent: Tracer.AnySpan | undefined,
    kind: Tracer.SpanKind = "internal"
  ): Tracer.Span {
    return this.#tracer.span({
      name,
      parent: Option.fromUndefinedOr(parent),
      annotations: Context.empty(),
      links: [],
      startTime: nanos(time),
      kind,
      root: parent === undefined,
      sampled: parent?.sampled ?? true
    })
  }

  #parentOf(path: string): Tracer.AnySpan | undefined {
    for (const each of parentPaths(path)) {
      const span = this.#spans.get(each)
      if (span !== undefined) return span
    }
    return undefined
  }

  #end(path: string, time: number, exit: Exit.Exit<unknown, unknown>): void {
    for (const command of this.#commands.get(path) ?? []) this.#commandSpan(command)
    this.#commands.delete(path)
    this.#spans.get(path)?.end(nanos(time), exit)
  }

  #note(path: string, name: string, time: number, attributes: Record<string, unknown>): void {
    this.#spans.get(path)?.event(name, nanos(time), attributes)
  }

  /** Handles the next event of the run. */
  event(event: Event): void {
    const { path: shown, time } = event
    // Commands have their original path, too.
    const path = originalPath(event)
    switch (event._tag) {
      case "RunStarted": {
        const span = this.#begin(event.name, time, this.#parent && Tracer.externalSpan(this.#parent))
        for (const [key, value] of Object.entries(this.#attributes)) span.attribute(key, value)
        span.attribute("jiji.run", event.run)
        this.#spans.set(path, span)
        return
      }
      case "StepStarted": {
        const span = this.#begin(shown, time, this.#parentOf(path))
        span.attribute("jiji.kind", event.kind)
        const name = serverOf(shown)
        if (name !== undefined) span.attribute("jiji.server", name)
        this.#spans.set(path, span)
        return
      }
      case "StepSkipped":
        this.#spans.get(path)?.attribute("jiji.skipped", event.reason)
        return this.#end(path, time, Exit.void)
      case "StepSucceeded":
        return this.#end(path, time, Exit.void)
      case "RunSucceeded":
        this.#remainingCommands()
        return this.#end(path, time, Exit.void)
      case "RunFailed":
        this.#remainingCommands()
        return this.#end(path, time, failureExit(event.failures))
      case "StepFailed":
        return this.#end(path, time, failureExit(event.failures))
      case "RunInterrupted":
        this.#remainingCommands()
        return this.#end(path, time, interrupted)
      case "StepInterrupted":
        return this.#end(path, time, interrupted)
      case "StepNoted":
        return this.#note(path, event.level, time, { text: event.text })
      case "StepRetried":
        return this.#note(path, "retried", time, {
          attempt: event.attempt,
          millis: event.millis,
          "exception.type": tagOf(event.failures),
          "exception.message": messageOf(event.failures)
        })
      default:
        return
    }
  }

  /** Adds a finished command. */
  command(command: CommandRun): void {
    const known = this.#commands.get(command.path)
    if (known === undefined) this.#commands.set(command.path, [command])
    else known.push(command)
  }

  /** Creates spans for commands that ran after their node had ended, to release its resources. */
  #remainingCommands(): void {
    for (const command of [...this.#commands.values()].flat()) this.#commandSpan(command)
    this.#commands.clear()
  }

  #commandSpan({ startedAt, endedAt, exitCode, failure, machine, path, program }: CommandRun): void {
    const parent = this.#spans.get(path) ?? this.#parentOf(path)
    // Commands outside the run are not part of its trace.
    if (parent === undefined) return
    const span = this.#begin(program, startedAt, parent, machine === "local" ? "internal" : "client")
    span.attribute("jiji.machine", machine)
    span.attribute("process.executable.name", program)
    if (exitCode !== undefined) span.attribute("process.exit.code", exitCode)
    const exit =
      failure === "Interrupted"
        ? interrupted
        : failure !== undefined
          ? errorExit(failure, failure)
          : exitCode === 0
            ? Exit.void
            : errorExit("ExitCode", `exit code ${exitCode}`)
    span.end(nanos(endedAt), exit)
  }
}
