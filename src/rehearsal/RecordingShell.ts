import { Effect, Layer, Stream } from "effect"
import { type Command, CommandFailed, type Output, type ShellError } from "../layers/processes/Command.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import { Shell } from "../layers/shell/Shell.ts"
import { ConnectionLost } from "../layers/ssh/SshError.ts"
import { Events } from "../core/Events.ts"
import { Recording } from "./Recording.ts"
import type { Script } from "./Script.ts"
import { Connections } from "./RecordingSsh.ts"

const linesOf = (text: string): ReadonlyArray<string> => text.replace(/\n$/, "").split("\n")

/** A shell that runs nothing: it writes commands down, and answers from a script. */
export const layer = (script: Script) =>
  Layer.effect(
    Shell,
    Effect.gen(function* () {
      const recording = yield* Recording
      const events = yield* Events
      const connections = yield* Connections

      const show = (machine: Machine, command: Command, output: Output) =>
        Effect.forEach(
          (["stdout", "stderr"] as const).filter((stream) => output[stream] !== ""),
          (stream) =>
            command.show === "all" || command.show === stream
              ? Effect.forEach(linesOf(output[stream]), (line) => {
                  const heard = command.heard === undefined ? line : command.heard(line)
                  if (heard === undefined) return Effect.void
                  return events.publish({ _tag: "StepOutput", machine: label(machine), stream, line: heard })
                })
              : Effect.void,
          { discard: true }
        )

      const answer = Effect.fnUntraced(function* (machine: Machine, command: Command) {
        yield* recording.add({ _tag: "Command", machine, command })
        const said = yield* script.command(machine, command)
        yield* show(machine, command, said)
        // This machine loses no connection: a command that is cut off was killed.
        if (said.isCut === true && machine._tag === "Remote") {
          return yield* new ConnectionLost({ server: machine.server.name })
        }
        return said
      })

      const run = (machine: Machine, command: Command): Effect.Effect<Output, ShellError> =>
        machine._tag === "Local" ? answer(machine, command) : connections.over(machine.server, answer(machine, command))

      return Shell.of({
        run,
        bytes: (machine, command) =>
          Stream.unwrap(
            Effect.map(run(machine, command), ({ exitCode, stderr, stdout }) => {
              const failed = { machine: label(machine), program: command.words[0], code: exitCode, stderr }
              const written = Stream.make(Buffer.from(stdout))
              return exitCode === 0 ? written : Stream.concat(written, Stream.fail(new CommandFailed(failed)))
            })
          )
      })
    })
  )
