import { Effect, Layer, Stream } from "effect"
import { type Command, CommandFailed, type Output, type ProcessError } from "../layers/processes/Command.ts"
import { Processes } from "../layers/processes/Processes.ts"
import { label, local, type Machine, remote } from "../layers/shell/Machine.ts"
import { Shell, type ShellError } from "../layers/shell/Shell.ts"
import { ConnectionLost } from "../layers/ssh/SshError.ts"
import { Events } from "../core/Events.ts"
import { Recording } from "./Recording.ts"
import type { Script } from "./Script.ts"
import { Connections } from "./RecordingSsh.ts"

const linesOf = (text: string): ReadonlyArray<string> => text.replace(/\n$/, "").split("\n")

const isProcessError = (error: ShellError): error is ProcessError =>
  error._tag === "ProgramMissing" || error._tag === "OutputTooLong" || error._tag === "CommandTimedOut"

/** A command's stdout as a stream. Fails if the command failed. */
const streamOf = <E>(machine: Machine, command: Command, run: Effect.Effect<Output, E>) =>
  Stream.unwrap(
    Effect.map(run, ({ exitCode, stderr, stdout }) => {
      const failed = { machine: label(machine), program: command.words[0], code: exitCode, stderr }
      const written = Stream.make(Buffer.from(stdout))
      return exitCode === 0 ? written : Stream.concat(written, Stream.fail(new CommandFailed(failed)))
    })
  )

/** Records each command, and takes its output from the script instead of running it. */
const recordAndAnswer = (script: Script) =>
  Effect.gen(function* () {
    const recording = yield* Recording
    const events = yield* Events

    const show = (machine: Machine, command: Command, output: Output) =>
      Effect.forEach(
        (["stdout", "stderr"] as const).filter((stream) => output[stream] !== ""),
        (stream) =>
          command.show === "all" || command.show === stream
            ? Effect.forEach(linesOf(output[stream]), (line) => {
                const shown = command.onLine === undefined ? line : command.onLine(line)
                if (shown === undefined) return Effect.void
                return events.publish({ _tag: "StepOutput", machine: label(machine), stream, line: shown })
              })
            : Effect.void,
        { discard: true }
      )

    return Effect.fnUntraced(function* (machine: Machine, command: Command) {
      if (command.quiet !== true) yield* recording.add({ _tag: "Command", machine, command })
      const output = yield* script.command(machine, command)
      yield* show(machine, command, output)
      // On a server, the connection was lost. On this machine there is no connection: the command was killed.
      if (output.isCut === true && machine._tag === "Remote") {
        return yield* new ConnectionLost({ server: machine.server.name })
      }
      return output
    })
  })

/** A recording version of {@link Processes}. */
export const processes = (script: Script) =>
  Layer.effect(
    Processes,
    Effect.map(recordAndAnswer(script), (answer) => {
      const run = (command: Command): Effect.Effect<Output, ProcessError> =>
        Effect.catchIf(
          answer(local, command),
          // Only a mistake in the script can cause an SSH error on this machine.
          (error): error is Exclude<ShellError, ProcessError> => !isProcessError(error),
          (error) => Effect.die(error)
        )
      return Processes.of({ run, bytes: (command) => streamOf(local, command, run(command)) })
    })
  )

/** A recording version of {@link Shell}. */
export const shell = (script: Script) =>
  Layer.effect(
    Shell,
    Effect.gen(function* () {
      const answer = yield* recordAndAnswer(script)
      const connections = yield* Connections
      const run = (machine: Machine, command: Command): Effect.Effect<Output, ShellError> =>
        Effect.suspend(() => {
          const quiet = script.quiet(machine, command)
          if (quiet !== undefined) return Effect.succeed(quiet)
          return machine._tag === "Local"
            ? answer(machine, command)
            : connections.useConnection(machine.server, answer(machine, command))
        })
      return Shell.of({
        run,
        bytes: (machine, command) => streamOf(machine, command, run(machine, command)),
        interact: (server, command) =>
          Effect.map(run(remote(server), command), ({ exitCode, stderr, stdout }) => ({
            stdout: Stream.make<[Uint8Array]>(Buffer.from(stdout)),
            stderr: Stream.make<[Uint8Array]>(Buffer.from(stderr)),
            write: () => Effect.void,
            end: Effect.void,
            resize: () => Effect.void,
            exitCode: Effect.succeed(exitCode)
          })),
        forwardAgent: () => Effect.void,
        dial: () => Effect.die(new Error("a simulated server has no sockets"))
      })
    })
  )
