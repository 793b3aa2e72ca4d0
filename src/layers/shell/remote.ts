import { Duration, Effect, type Redacted, type Scope, Stream } from "effect"
import { CommandLine } from "effect/process"
import type { Server } from "../../config/Project.ts"
import type { Command, Process } from "../processes/Command.ts"
import { LimitScale } from "../processes/limit.ts"
import { bootstrap, type LoginShellFailed, startAfterMark } from "./loginShell.ts"
import { CurrentPath, CurrentRun, type Events } from "../../core/Events.ts"
import { HeldResources } from "../../core/NameTracker.ts"
import type { RemoteProcess, Ssh } from "../ssh/Ssh.ts"
import type { ConnectionLost, SshError } from "../ssh/SshError.ts"

/** Reads lines until the connection closes. */
const awaitClose = "while read -r _;do :;done"

/**
 * The same, but the lines are the sizes of pieces of the command's input, and each is followed by its piece. A size of 0 is
 * the end of the input. If the connection closes before, the command must not take what it has for all of its input: so the
 * pipe stays open until the command, and what it has started, have been stopped. `dd` takes exactly its piece; `head` may read more.
 */
const passInput = 'while read -r n;do case $n in 0)exec 6>&-;;*)dd bs="$n" count=1 iflag=fullblock >&6;;esac;done'

/**
 * A script for `sh` that runs its arguments in the background and waits. Its stdin is their input, unless that comes over
 * the connection. When the connection closes (fd 3), because jiji stopped the command or is gone, it terminates the command
 * and then the processes that it left running; sshd would let them continue. The command alone gets the first signal, so
 * that it can clean up in its own order.
 *
 * One signal may not stop what the command leaves running: a shell with a trap for SIGTERM starts a child process with this
 * trap and then removes it, so a signal in between has no effect. That happens on a busy server. So signal them repeatedly.
 */
const supervise = ({ hasInput }: { readonly hasInput: boolean }) =>
  [
    hasInput
      ? // Fd 5 lets the pipe's two ends open without waiting for each other.
        'exec </dev/null; d=$(mktemp -d)&&mkfifo "$d/i"||exit; exec 5<>"$d/i" 4<"$d/i" 6>"$d/i" 5<&-; rm -r "$d"'
      : "exec 4<&0 </dev/null",
    // Use a separate process group if `setsid` exists. The inner `sh` reports a missing program with 127, as usual.
    'command -v setsid >/dev/null 2>&1&&set -- setsid sh -c \'exec "$@"\' sh "$@"',
    // Start it before setting a trap, so that the first signal cannot get lost.
    '"$@" <&4 3<&- 4<&- 6>&- & c=$! g=',
    // The rest must not print anything, and may outlive the reader of the output.
    "exec 4<&- >/dev/null 2>&1",
    "trap 'g=1;kill -TERM $c' TERM INT HUP",
    `(${hasInput ? `${passInput};kill -TERM $$;exec sleep 9` : `${awaitClose};kill -TERM $$`}) <&3 3<&- & w=$!`,
    "exec 3<&- 6>&-",
    // A trap interrupts `wait`, which then returns a code above 128, as if a signal had killed the command.
    "while :;do wait $c;r=$?;[ $r -gt 128 ]&&kill -0 $c||break;done",
    // The code need not wait for what is left. Until that is gone, its input must not end.
    'if [ -z "$g" ];then kill $w;else (for s in .2 1 1 1;do kill -TERM -$c||break;sleep $s;done;kill -KILL -$c;kill $w)& fi',
    "exit $r"
  ].join("\n")

/** Quotes words for a server's `sh`. All words that reach a server pass here. */
export const quote = (words: ReadonlyArray<string | Redacted.Redacted<string>>): Effect.Effect<string> =>
  // Quoting only fails for NUL bytes, which the config's schema rejects.
  Effect.orDie(Effect.fromResult(CommandLine.join(words, { format: "posix" })))

/** The lines that set a command's environment. */
export const exportLines = ({ env = {} }: Command): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(Object.entries(env), ([name, value]) => Effect.map(quote([value]), (text) => `export ${name}=${text}`))

/**
 * The script that the server's `sh` reads from stdin and evaluates: it sets the environment and the input, and runs the
 * words. So the command's environment and input appear in no process list, and can have any length. Only its last line
 * starts something: a connection may be lost in the middle of the script.
 */
const remoteScript = Effect.fnUntraced(function* (command: Command) {
  const exports = yield* exportLines(command)
  const set = `set -- sh -c ${yield* quote([supervise({ hasInput: command.input !== undefined }), "sh", ...command.words])}`
  // In a session of its own, because a server may kill the process group of a session as soon as its connection closes.
  const apart = 'command -v setsid >/dev/null 2>&1&&set -- setsid "$@"'
  // Stdin is the connection, so the command's own input is part of the script.
  const input = command.stdin === undefined ? "" : `printf %s ${yield* quote([command.stdin])}|`
  return `${[...exports, set, apart, "exec 3<&0 </dev/null", `${input}"$@"`].join("\n")}\n`
})

/** The largest piece of an input that is sent at once. */
const maxPiece = 1024 * 1024

/** Sends a command's input in pieces, as fast as the command reads them. */
const sendInput = <E>(
  child: Pick<RemoteProcess, "write">,
  input: Stream.Stream<Uint8Array, E>
): Effect.Effect<void, E | ConnectionLost> => {
  const send = Effect.fnUntraced(function* (bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += maxPiece) {
      const piece = bytes.subarray(at, at + maxPiece)
      yield* child.write(Buffer.concat([Buffer.from(`${piece.length}\n`), piece]))
    }
  })
  return Effect.andThen(Stream.runForEach(input, send), child.write(Buffer.from("0\n")))
}

/** Says what a command cleans up when jiji stops it, and what happens if jiji does not see its end. */
export const cleanupNotes = Effect.fnUntraced(function* (
  { publish }: Events["Service"],
  server: string,
  { cleanup }: Command
) {
  if (cleanup === undefined) return undefined
  const path = yield* CurrentPath
  const run = yield* CurrentRun
  const held = yield* HeldResources
  let untrack = () => {}
  const note = (level: "info" | "warning", text: string) =>
    publish({ _tag: "StepNoted", level, text }).pipe(
      Effect.provideService(CurrentPath, path),
      Effect.provideService(CurrentRun, run)
    )
  return {
    timeout: Duration.times(cleanup.timeout, yield* LimitScale),
    onStart: Effect.suspend(() => {
      const text = cleanup.text()
      if (text === undefined) return Effect.void
      untrack = held.add(`${server} continues without jiji: ${text}`)
      return note("info", `${server}: ${text}`)
    }),
    onEnd: (exited: boolean) =>
      Effect.suspend(() => {
        const text = cleanup.text()
        if (text === undefined) return Effect.void
        // If its end is unknown, keep the name: jiji lists it if it has to exit.
        if (!exited) return note("warning", `${server} continues without jiji: ${text}`)
        untrack()
        return Effect.void
      })
  }
})

/** Starts a command on a server. */
export const startRemote = Effect.fnUntraced(function* (
  ssh: Ssh["Service"],
  events: Events["Service"],
  server: Server,
  command: Command
): Effect.fn.Return<Process<SshError | LoginShellFailed>, SshError | LoginShellFailed, Scope.Scope> {
  const text = yield* remoteScript(command)
  const id = `jiji-${crypto.randomUUID()}`
  const { input, line } = bootstrap(Buffer.byteLength(text), id, { hasInput: command.input !== undefined })
  const child = yield* ssh.exec(server, line, {
    stopping: yield* cleanupNotes(events, server.name, command),
    givesWay: command.givesWay
  })
  // Do not wait: a shell that reads nothing would block a long input. A lost connection also fails the outputs.
  const start = child.write(Buffer.from(input + text))
  const send = command.input === undefined ? start : Effect.andThen(start, sendInput(child, command.input))
  yield* Effect.forkScoped(Effect.ignore(send))
  return yield* startAfterMark(events, server.name, id, child)
})
