import { Context, Effect, Fiber, Layer, type Scope, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import type { Server } from "../config/Project.ts"
import { Events } from "../pipeline/Events.ts"
import { type Command, CommandFailed, type Output, type Process, type ShellError } from "./Command.ts"
import { label, type Machine } from "./Machine.ts"
import { startLocal } from "./shell/local.ts"
import { startRemote } from "./shell/remote.ts"
import { Ssh } from "./Ssh.ts"

/** Starts a command on a server. */
type StartRemote = (server: Server, command: Command) => Effect.Effect<Process, ShellError, Scope.Scope>

const make = Effect.fnUntraced(function* (startRemote: StartRemote) {
  const events = yield* Events
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner

  const start = (machine: Machine, command: Command): Effect.Effect<Process, ShellError, Scope.Scope> =>
    machine._tag === "Local" ? startLocal(spawner, command) : startRemote(machine.server, command)

  const text = (
    machine: Machine,
    command: Command,
    stream: "stdout" | "stderr",
    bytes: Stream.Stream<Uint8Array, ShellError>
  ) => {
    const decoded = Stream.decodeText(bytes)
    if (command.show !== "all" && command.show !== stream) return Stream.mkString(decoded)
    return decoded.pipe(
      Stream.splitLines,
      Stream.tap((line) => events.publish({ _tag: "StepOutput", machine: label(machine), stream, line })),
      Stream.map((line) => `${line}\n`),
      Stream.mkString
    )
  }

  return Shell.of({
    run: (machine, command) =>
      Effect.scoped(
        Effect.gen(function* () {
          const child = yield* start(machine, command)
          const [stdout, stderr] = yield* Effect.all(
            [text(machine, command, "stdout", child.stdout), text(machine, command, "stderr", child.stderr)],
            { concurrency: 2 }
          )
          return { stdout, stderr, exitCode: yield* child.exitCode }
        })
      ),
    bytes: (machine, command) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const child = yield* start(machine, command)
          const stderr = yield* Effect.forkScoped(text(machine, command, "stderr", child.stderr))
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
    /** Runs a command to its end, whatever its exit code. */
    run(machine: Machine, command: Command): Effect.Effect<Output, ShellError>
    /** What a command writes to stdout, byte for byte. Fails where it ends badly. */
    bytes(machine: Machine, command: Command): Stream.Stream<Uint8Array, ShellError | CommandFailed>
  }
>()("jiji/layers/Shell") {
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
