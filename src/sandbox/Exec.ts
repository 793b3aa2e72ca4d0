import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { Deferred, type Duration, Effect, Semaphore, Stream } from "effect"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import type { ServerChannel, Session } from "ssh2"
import { homeFolder } from "../core/homeFolder.ts"

/** Runs an effect in the background until the server stops. */
export type RunInBackground = (effect: Effect.Effect<void>) => unknown

/** The variables that a login on this machine would have. Commands get no others, because this process may have secrets in its environment. */
const variables = [
  "HOME",
  "PATH",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "DOCKER_HOST",
  "CONTAINER_HOST"
]

const environment = (home: string): Record<string, string> => {
  const own: Readonly<Record<string, string | undefined>> = { ...process.env, HOME: home }
  return Object.fromEntries(variables.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])))
}

/** Sends a signal to a command's process group, if it still exists. */
const kill = (child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // The group has already exited.
  }
}

interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const write = (channel: ServerChannel, sink: Writable, chunk: Uint8Array) =>
  Effect.callback<void>((resume) => {
    sink.write(chunk, () => {
      // Work around a bug of ssh2: it keeps a chunk that waited for the client, and sends it again when the other stream waits.
      for (const field of ["_chunk", "_chunkcb", "_chunkErr", "_chunkcbErr"]) Reflect.set(channel, field, undefined)
      resume(Effect.void)
    })
  })

/** Runs a command line for a session until it exits or the client disconnects. */
export const exec = (
  session: Session,
  channel: ServerChannel,
  line: string,
  disconnected: Deferred.Deferred<void>,
  delay: Duration.Duration
): Effect.Effect<void> => {
  const closed = Deferred.makeUnsafe<void>()
  channel.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
  session.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
  channel.on("error", () => {})

  const work = Effect.gen(function* () {
    yield* Effect.sleep(delay)
    const ended = Deferred.makeUnsafe<ExitStatus>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const home = homeFolder()
        const child = spawn("/bin/sh", ["-c", line], { detached: true, cwd: home, env: environment(home) })
        child.on("error", () => Deferred.doneUnsafe(ended, Effect.succeed({ code: 127, signal: null })))
        child.on("exit", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal })))
        return child
      }),
      (child) =>
        Effect.gen(function* () {
          kill(child, "SIGTERM")
          // Finalizers are uninterruptible, but the timeout must be able to interrupt this wait.
          yield* Effect.timeoutOption(Effect.interruptible(Deferred.await(ended)), "1 second")
          kill(child, "SIGKILL")
        })
    )
    session.on("signal", (accept, _reject, { name }) => {
      // The client sends the name. The system rejects an invalid one.
      kill(child, `SIG${name}` as NodeJS.Signals)
      accept?.()
    })
    child.stdin.on("error", () => {})
    channel.pipe(child.stdin)

    const writing = yield* Semaphore.make(1)
    const pump = (source: Readable, sink: Writable) =>
      NodeStream.fromReadable<Uint8Array>({ evaluate: () => source }).pipe(
        Stream.runForEach((chunk) => writing.withPermit(write(channel, sink, chunk))),
        Effect.ignore
      )
    yield* Effect.all([pump(child.stdout, channel), pump(child.stderr, channel.stderr)], { concurrency: 2 })
    const { code, signal } = yield* Deferred.await(ended)
    // Send the exit status before closing the channel, or it is lost.
    if (code === null) channel.exit((signal ?? "SIGKILL").slice("SIG".length), false, "")
    else channel.exit(code)
    channel.end()
  })
  return work.pipe(
    Effect.raceFirst(Deferred.await(closed)),
    Effect.raceFirst(Deferred.await(disconnected)),
    Effect.scoped
  )
}
