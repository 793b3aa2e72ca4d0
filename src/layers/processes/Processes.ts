import { Context, Effect, Layer, type Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { Events } from "../../core/Events.ts"
import type { Command, CommandFailed, Output, ProcessError } from "./Command.ts"
import { streamStdout, collectOutput } from "./runCommand.ts"
import { spawn } from "./spawn.ts"

/** The name of this machine in events, errors and globs. Servers cannot have this name. */
export const localName = "local"

/** Runs commands on this machine. */
export class Processes extends Context.Service<
  Processes,
  {
    /**
     * Runs a command and returns its output and exit code; a code other than 0 is not an error. Keeps the last MiB of
     * stderr and of shown outputs. Kills the command and fails with `OutputTooLong` if it writes too much: 16 MiB of
     * stdout, 64 MiB of stderr and of shown outputs, 1 GiB with `onLine`. Stops it and fails with `CommandTimedOut` if it
     * exceeds its `limit`.
     */
    run(command: Command): Effect.Effect<Output, ProcessError>
    /** Streams a command's stdout. Fails with `CommandFailed` if its exit code is not 0. */
    bytes(command: Command): Stream.Stream<Uint8Array, ProcessError | CommandFailed>
  }
>()("jiji/layers/processes/Processes") {
  static readonly layer = Layer.effect(
    Processes,
    Effect.gen(function* () {
      const events = yield* Events
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      return Processes.of({
        run: (command) => collectOutput(events, localName, command, spawn(spawner, command)),
        bytes: (command) => streamStdout(events, localName, command, spawn(spawner, command))
      })
    })
  )
}
