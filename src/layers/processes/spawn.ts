import { Effect, type PlatformError, Redacted, type Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { constants } from "node:os"
import { type Command, type Process, ProgramMissing } from "./Command.ts"
import { trackChild } from "./children.ts"

/** The exit code that a shell reports for a child that a signal killed. The spawner only gives the signal's name. */
const signalExitCode = (error: PlatformError.PlatformError): number => {
  const name = /signal: '(\w+)'/.exec(String(error.cause ?? error.message))?.[1]
  const number = Object.entries(constants.signals).find(([signal]) => signal === name)?.[1]
  return 128 + (number ?? 0)
}

/** How long to read the outputs of a command after it exits, if its background processes may keep them open. */
const drainTime = "500 millis"

/** Starts a command on this machine. Closing the scope terminates it, and kills it after 3 seconds. */
export const spawn = Effect.fnUntraced(function* (
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  command: Command
): Effect.fn.Return<Process<ProgramMissing>, ProgramMissing, Scope.Scope> {
  const { asks, input, stdin } = command
  const text = Redacted.isRedacted(stdin) ? Redacted.value(stdin) : stdin
  const fed = text === undefined ? input : Stream.encodeText(Stream.make(text))
  const [program, ...args] = command.words
  const failed = (reason: PlatformError.PlatformError) => new ProgramMissing({ program, reason })
  const track = yield* trackChild
  const child = yield* Effect.mapError(
    spawner.spawn(
      ChildProcess.make(program, args, {
        env: command.env ?? {},
        extendEnv: true,
        forceKillAfter: "3 seconds",
        stdin: fed ?? (asks === true ? "inherit" : "ignore")
      })
    ),
    failed
  )
  track(child.pid)
  const ended = Effect.catch(child.exitCode, (error) => Effect.succeed(signalExitCode(error)))
  if (command.allowBackground !== true) {
    return {
      stdout: Stream.mapError(child.stdout, failed),
      stderr: Stream.mapError(child.stderr, failed),
      exitCode: ended
    }
  }
  const untilEnded = (bytes: typeof child.stdout) =>
    Stream.interruptWhen(Stream.mapError(bytes, failed), Effect.andThen(ended, Effect.sleep(drainTime)))
  return {
    stdout: untilEnded(child.stdout),
    stderr: untilEnded(child.stderr),
    // After `unref`, closing the scope no longer ends the process or its group.
    exitCode: Effect.tap(ended, (code) => (code === 0 ? Effect.asVoid(Effect.orDie(child.unref)) : Effect.void))
  }
})
