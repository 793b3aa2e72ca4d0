import { Context, Effect, Fiber, Layer, type Scope, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import type { Server } from "../../config/Project.ts"
import { Events } from "../../core/Events.ts"
import {
  type Command,
  CommandFailed,
  type Output,
  OutputTooLong,
  type Process,
  type ShellError
} from "../processes/Command.ts"
import { label, type Machine } from "./Machine.ts"
import { limited, mostHeard, mostRead, mostShown, readLines, shower } from "../processes/output.ts"
import { startLocal } from "../processes/spawn.ts"
import { startRemote } from "./remote.ts"
import { Ssh } from "../ssh/Ssh.ts"

/** Starts a command on a server. */
type StartRemote = (server: Server, command: Command) => Effect.Effect<Process, ShellError, Scope.Scope>

const make = Effect.fnUntraced(function* (startRemote: StartRemote) {
  const events = yield* Events
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner

  const start = (machine: Machine, command: Command): Effect.Effect<Process, ShellError, Scope.Scope> =>
    machine._tag === "Local" ? startLocal(spawner, command) : startRemote(machine.server, command)

  const tooLong = (machine: Machine, command: Command, bytes: number) => () =>
    new OutputTooLong({ machine: label(machine), program: command.script ?? command.words[0], bytes })

  /** Publishes the lines of the outputs that are to be shown. */
  const showing = (machine: Machine, command: Command) => {
    const show = shower((stream: "stdout" | "stderr", line: string) =>
      events.publish({ _tag: "StepOutput", machine: label(machine), stream, line })
    )
    return (stream: "stdout" | "stderr") => (lines: ReadonlyArray<string>) =>
      command.show === "all" || command.show === stream ? show(stream, lines) : Effect.void
  }

  return Shell.of({
    run: (machine, command) =>
      Effect.scoped(
        Effect.gen(function* () {
          const child = yield* start(machine, command)
          const show = showing(machine, command)
          const most = command.heard === undefined ? mostShown : mostHeard
          const lines = (stream: "stdout" | "stderr") =>
            readLines(limited(child[stream], most, tooLong(machine, command, most)), show(stream), command.heard)
          const stdout =
            command.show === "all"
              ? lines("stdout")
              : Stream.mkString(Stream.decodeText(limited(child.stdout, mostRead, tooLong(machine, command, mostRead))))
          const [out, err] = yield* Effect.all([stdout, lines("stderr")], { concurrency: 2 })
          return { stdout: out, stderr: err, exitCode: yield* child.exitCode }
        })
      ),
    bytes: (machine, command) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const child = yield* start(machine, command)
          const stderr = yield* Effect.forkScoped(readLines(child.stderr, showing(machine, command)("stderr")))
          const ended = Effect.gen(function* () {
            const code = yield* child.exitCode
            if (code === 0) return
            return yield* new CommandFailed({
              machine: label(machine),
              program: command.words[0],
              code,
              stderr: yield* Fiber.join(stderr)
            })
          })
          return Stream.concat(child.stdout, Stream.drain(Stream.fromEffect(ended)))
        })
      )
  })
})

/** The narrow waist: everything that jiji does on any machine is a command that passes here. */
export class Shell extends Context.Service<
  Shell,
  {
    /**
     * Runs a command to its end, whatever its exit code. Of stderr, and of what is shown, the last MiB is kept; a command
     * that writes without end is ended.
     */
    run(machine: Machine, command: Command): Effect.Effect<Output, ShellError>
    /** What a command writes to stdout, byte for byte. Fails where it ends badly. */
    bytes(machine: Machine, command: Command): Stream.Stream<Uint8Array, ShellError | CommandFailed>
  }
>()("jiji/layers/shell/Shell") {
  static readonly layer = Layer.effect(
    Shell,
    Effect.flatMap(Ssh, (ssh) => make((server, command) => startRemote(ssh, server, command)))
  )

  /** Reaches this machine alone: for what has to be there before the first connection, secrets for one. */
  static readonly local = Layer.effect(
    Shell,
    make(() => Effect.die(new Error("this shell does not reach servers")))
  )
}
