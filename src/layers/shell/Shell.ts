import { Context, Effect, Layer, type Stream } from "effect"
import { Events } from "../../core/Events.ts"
import type { Command, CommandFailed, Output, ProcessError } from "../processes/Command.ts"
import { Processes } from "../processes/Processes.ts"
import { bytesOf, outputOf } from "../processes/runCommand.ts"
import { Ssh } from "../ssh/Ssh.ts"
import type { SshError } from "../ssh/SshError.ts"
import { label, type Machine } from "./Machine.ts"
import { startRemote } from "./remote.ts"

/** How a command can fail on any machine, whatever its exit code. */
export type ShellError = ProcessError | SshError

/** Runs commands on this machine and on servers. Everything that a deploy does on a machine goes through here. */
export class Shell extends Context.Service<
  Shell,
  {
    /**
     * Runs a command to its end, whatever its exit code. Keeps the last MiB of stderr and of what is shown, and stops a
     * command that writes without end.
     */
    run(machine: Machine, command: Command): Effect.Effect<Output, ShellError>
    /** Streams what a command writes to stdout. Fails if the command does. */
    bytes(machine: Machine, command: Command): Stream.Stream<Uint8Array, ShellError | CommandFailed>
  }
>()("jiji/layers/shell/Shell") {
  static readonly layer = Layer.effect(
    Shell,
    Effect.gen(function* () {
      const events = yield* Events
      const processes = yield* Processes
      const ssh = yield* Ssh
      return Shell.of({
        run: (machine, command) =>
          machine._tag === "Local"
            ? processes.run(command)
            : outputOf(events, label(machine), command, startRemote(ssh, machine.server, command)),
        bytes: (machine, command) =>
          machine._tag === "Local"
            ? processes.bytes(command)
            : bytesOf(events, label(machine), command, startRemote(ssh, machine.server, command))
      })
    })
  )
}
