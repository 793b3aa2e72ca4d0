import { Cause, Context, Exit, Option, Tracer } from "effect"
import type { CommandRun } from "../../layers/shell/tracedShell.ts"
import type { Event, FailureRecord } from "../../core/Event.ts"
import { parentPaths } from "../eventLine.ts"
import type { Parent } from "./settings.ts"

/** OpenTelemetry counts in nanoseconds. */
const nanos = (millis: number): bigint => BigInt(Math.round(millis)) * 1_000_000n

/** The error of a span: the one that is told, without a stack, which would be the tracer's own. */
const failed = (name: string, message: string): Exit.Exit<never, Error> =>
  Exit.fail(Object.assign(new Error(message), { name, stack: `${name}: ${message}` }))

const tagOf = (failures: ReadonlyArray<FailureRecord>): string => failures[0]?.tag ?? "Failed"
const messageOf = (failures: ReadonlyArray<FailureRecord>): string => failures.map(({ message }) => message).join(" ")

const failure = (failures: ReadonlyArray<FailureRecord>): Exit.Exit<never, Error> =>
  failed(tagOf(failures), messageOf(failures))

const interrupted = Exit.failCause(Cause.interrupt())

const server = (path: string): string | undefined => /\/servers\[([^\]]*)\]/u.exec(path)?.[1]

/** Makes the spans of a run: of the run, of its nodes, and of the commands that ran for them. */
export class Spans {
  readonly #tracer: Tracer.Tracer
  readonly #parent: Parent | undefined
  readonly #about: Readonly<Record<string, string>>
  readonly #spans = new Map<string, Tracer.Span>()
  /** Those that have ended, by their path, until the span is there that they are part of. */
  readonly #commands = new Map<string, Array<CommandRun>>()

  /** `about` is told of the run as a whole. */
  constructor(tracer: Tracer.Tracer, parent: Parent | undefined, about: Readonly<Record<string, string>>) {
    this.#tracer = tracer
    this.#parent = parent
    this.#about = about
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

  #above(path: string): Tracer.AnySpan | undefined {
    for (const each of parentPaths(path)) {
      const span = this.#spans.get(each)
      if (span !== undefined) return span
    }
    return undefined
  }

  #end(path: string, time: number, exit: Exit.Exit<unknown, unknown>): void {
    for (const ran of this.#commands.get(path) ?? []) this.#ran(ran)
    this.#commands.delete(path)
    this.#spans.get(path)?.end(nanos(time), exit)
  }

  #note(path: string, name: string, time: number, attributes: Record<string, unknown>): void {
    this.#spans.get(path)?.event(name, nanos(time), attributes)
  }

  /** Takes the next event of the run. */
  event(event: Event): void {
    const { path, time } = event
    switch (event._tag) {
      case "RunStarted": {
        const span = this.#begin(event.name, time, this.#parent && Tracer.externalSpan(this.#parent))
        for (const [key, value] of Object.entries(this.#about)) span.attribute(key, value)
        span.attribute("jiji.run", event.run)
        this.#spans.set(path, span)
        return
      }
      case "StepStarted": {
        const span = this.#begin(path, time, this.#above(path))
        span.attribute("jiji.kind", event.kind)
        const name = server(path)
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
        this.#rest()
        return this.#end(path, time, Exit.void)
      case "RunFailed":
        this.#rest()
        return this.#end(path, time, failure(event.failures))
      case "StepFailed":
        return this.#end(path, time, failure(event.failures))
      case "RunInterrupted":
        this.#rest()
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

  /** Takes a command that has ended. */
  command(ran: CommandRun): void {
    const known = this.#commands.get(ran.path)
    if (known === undefined) this.#commands.set(ran.path, [ran])
    else known.push(ran)
  }

  /** What ran when its node had ended: what was given back then. */
  #rest(): void {
    for (const ran of [...this.#commands.values()].flat()) this.#ran(ran)
    this.#commands.clear()
  }

  #ran({ startedAt, endedAt, exitCode, failure, machine, path, program }: CommandRun): void {
    const parent = this.#spans.get(path) ?? this.#above(path)
    // What runs outside of a run is no part of its trace.
    if (parent === undefined) return
    const span = this.#begin(program, startedAt, parent, machine === "local" ? "internal" : "client")
    span.attribute("jiji.machine", machine)
    span.attribute("process.executable.name", program)
    if (exitCode !== undefined) span.attribute("process.exit.code", exitCode)
    const exit =
      failure === "Interrupted"
        ? interrupted
        : failure !== undefined
          ? failed(failure, failure)
          : exitCode === 0
            ? Exit.void
            : failed("ExitCode", `exit code ${exitCode}`)
    span.end(nanos(endedAt), exit)
  }
}
