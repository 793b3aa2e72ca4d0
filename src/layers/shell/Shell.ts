import { Context, Effect, Layer, type Scope, type Stream } from "effect"
import { Events } from "../../core/Events.ts"
import type { Command, CommandFailed, Output, ProcessError } from "../processes/Command.ts"
import { Processes } from "../processes/Processes.ts"
import { streamStdout, collectOutput } from "../processes/runCommand.ts"
import type { AgentNotForwarded } from "../ssh/AgentForward.ts"
import type { RemoteSocket, SocketRefused } from "../ssh/SocketForward.ts"
import { Ssh } from "../ssh/Ssh.ts"
import type { Server } from "../../config/Project.ts"
import type { SshError } from "../ssh/SshError.ts"
import { interact, type Interaction, type TerminalOptions } from "./interact.ts"
import { label, type Machine } from "./Machine.ts"
import type { LoginShellFailed } from "./loginShell.ts"
import { startRemote } from "./remote.ts"

/** The errors of running a command on any machine. An exit code other than 0 is not one of them. */
export type ShellError = ProcessError | SshError | LoginShellFailed

/** Runs commands on this machine and on servers. Every command of a deploy passes through this service. */
export class Shell extends Context.Service<
  Shell,
  {
    /**
     * Runs a command and returns its output and exit code; a code other than 0 is not an error. Keeps the last MiB of
     * stderr and of shown outputs. Kills the command and fails with `OutputTooLong` if it writes too much: 16 MiB of
     * stdout, 64 MiB of stderr and of shown outputs, 1 GiB with `onLine`. Stops it and fails with `CommandTimedOut` if it
     * exceeds its `limit`.
     */
    run(machine: Machine, command: Command): Effect.Effect<Output, ShellError>
    /** Streams a command's stdout. Fails with `CommandFailed` if its exit code is not 0. */
    bytes(machine: Machine, command: Command): Stream.Stream<Uint8Array, ShellError | CommandFailed>
    /**
     * Starts a command on a server, and lets the caller write to it. In a terminal, the words can be seen by all users of
     * the server, and so can `env`. Without one, what is written is the command's stdin; if `command.stdin` is set, it
     * arrives at file descriptor 3 instead. Closing the scope does not stop a command that reads neither: see `runGuarded`.
     */
    interact(
      server: Server,
      command: Command,
      terminal?: TerminalOptions
    ): Effect.Effect<Interaction<ShellError>, ShellError, Scope.Scope>
    /** Lets programs on a server use the SSH agent of this machine, as {@link Ssh} does. */
    forwardAgent(server: Server, path: string): Effect.Effect<void, SshError | AgentNotForwarded, Scope.Scope>
    /** Connects to a Unix socket on a server, as {@link Ssh} does. */
    dial(server: Server, path: string): Effect.Effect<RemoteSocket, SshError | SocketRefused>
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
            : collectOutput(events, label(machine), command, startRemote(ssh, events, machine.server, command)),
        bytes: (machine, command) =>
          machine._tag === "Local"
            ? processes.bytes(command)
            : streamStdout(events, label(machine), command, startRemote(ssh, events, machine.server, command)),
        interact: (server, command, terminal) => interact(ssh, events, server, command, terminal),
        forwardAgent: ssh.forwardAgent,
        dial: ssh.dial
      })
    })
  )
}
