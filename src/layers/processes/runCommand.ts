import { Effect, Fiber, type Scope, Stream } from "effect"
import type { Events } from "../../core/Events.ts"
import {
  type Command,
  CommandFailed,
  type CommandTimedOut,
  type Output,
  OutputTooLong,
  type Process
} from "./Command.ts"
import { enforceLimit } from "./limit.ts"
import { limitBytes, maxScanned, maxRead, maxShown, readLines, linePublisher } from "./output.ts"

/** Starts a command, on this machine or over SSH. Closing the scope ends the process. */
type StartProcess<E> = Effect.Effect<Process<E>, E, Scope.Scope>

/** Publishes the lines of the outputs that the command shows. */
const outputPublisher = ({ publish }: Events["Service"], machine: string, command: Command) => {
  const show = linePublisher((stream: "stdout" | "stderr", line: string) =>
    publish({ _tag: "StepOutput", machine, stream, line })
  )
  return (stream: "stdout" | "stderr") => (lines: ReadonlyArray<string>) =>
    command.show === "all" || command.show === stream ? show(stream, lines) : Effect.void
}

/** Runs a command and returns its output. `machine` is the machine's name in events and errors. */
export const collectOutput = <E>(
  events: Events["Service"],
  machine: string,
  command: Command,
  start: StartProcess<E>
): Effect.Effect<Output, E | OutputTooLong | CommandTimedOut> =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* start
      const limit = enforceLimit(events, machine, command)
      const show = outputPublisher(events, machine, command)
      const tooLong = (bytes: number) => () =>
        new OutputTooLong({ machine, program: command.script ?? command.words[0], bytes })
      const maxBytes = command.onLine === undefined ? maxShown : maxScanned
      const read = (stream: "stdout" | "stderr", max: number) =>
        limitBytes(
          Stream.tap(child[stream], () => Effect.sync(limit.onOutput)),
          max,
          tooLong(max)
        )
      const lines = (stream: "stdout" | "stderr") => readLines(read(stream, maxBytes), show(stream), command.onLine)
      const stdout =
        command.show === "all" ? lines("stdout") : Stream.mkString(Stream.decodeText(read("stdout", maxRead)))
      return yield* limit.during(
        Effect.gen(function* () {
          const [out, err] = yield* Effect.all([stdout, lines("stderr")], { concurrency: 2 })
          return { stdout: out, stderr: err, exitCode: yield* child.exitCode }
        })
      )
    })
  )

/** Streams a command's stdout. Fails if its exit code is not 0. */
export const streamStdout = <E>(
  events: Events["Service"],
  machine: string,
  command: Command,
  start: StartProcess<E>
): Stream.Stream<Uint8Array, E | CommandFailed | CommandTimedOut> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const child = yield* start
      const limit = enforceLimit(events, machine, command)
      const stderr = yield* Effect.forkScoped(
        readLines(child.stderr, outputPublisher(events, machine, command)("stderr"))
      )
      const ended = Effect.gen(function* () {
        const code = yield* child.exitCode
        if (code === 0) return
        return yield* new CommandFailed({
          machine,
          program: command.words[0],
          code,
          stderr: yield* Fiber.join(stderr)
        })
      })
      const stdout = Stream.tap(child.stdout, () => Effect.sync(limit.onOutput))
      return limit.duringStream(Stream.concat(stdout, Stream.drain(Stream.fromEffect(ended))))
    })
  )
