import { Context, Effect, Layer, type Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { Events } from "../../core/Events.ts"
import type { Command, CommandFailed, Output, ProcessError } from "./Command.ts"
import { bytesOf, outputOf } from "./runCommand.ts"
import { spawn } from "./spawn.ts"

/** What this machine is called in events, errors and globs. No server can have this name. */
export const localName = "local"

/** Runs commands on this machine. */
export class Processes extends Context.Service<
  Processes,
  {
    /**
     * Runs a command to its end, whatever its exit code. Keeps the last MiB of stderr and of what is shown, and stops a
     * command that writes without end.
     */
    run(command: Command): Effect.Effect<Output, ProcessError>
    /** Streams what a command writes to stdout. Fails if the command does. */
    bytes(command: Command): Stream.Stream<Uint8Array, ProcessError | CommandFailed>
  }
>()("jiji/layers/processes/Processes") {
  static readonly layer = Layer.effect(
    Processes,
    Effect.gen(function* () {
      const events = yield* Events
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      return Processes.of({
        run: (command) => outputOf(events, localName, command, spawn(spawner, command)),
        bytes: (command) => bytesOf(events, localName, command, spawn(spawner, command))
      })
    })
  )
}
