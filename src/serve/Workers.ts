import { type Cause, Context, Effect, Layer, Option, Queue, Result, Schema, type Scope } from "effect"
import { existsSync } from "node:fs"
import { ownerOf } from "../record/Owner.ts"
import { type Job, maxLine, WorkerLine } from "./protocol.ts"
import { workerWord } from "./workerWord.ts"

/** How a process ended. */
export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | number | null
}

/** A worker process. It ends with the scope that it was taken in. */
export interface Worker {
  /** Its identity, as `record/Owner.ts` has it. */
  readonly owner: string
  /** Writes a line to its stdin. */
  send(line: object): Effect.Effect<void>
  /** The lines that it writes, until it closes its stdout. Lines that are none of the protocol's are left out. */
  readonly lines: Queue.Dequeue<WorkerLine, Cause.Done>
  /** Asks it to end, as Ctrl-C does. */
  readonly interrupt: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  readonly exited: Effect.Effect<WorkerExit>
}

interface RunningWorker extends Worker {
  isAlive(): boolean
}

const decodeLine = Schema.decodeUnknownResult(Schema.fromJsonString(WorkerLine))

/** The program of this process, on Linux. Its file may be gone, or that of another version. */
const runningProgram = "/proc/self/exe"

/** How jiji itself was started: compiled, or from source. */
export const ownCommand = (): ReadonlyArray<string> => {
  const program = existsSync(runningProgram) ? runningProgram : process.execPath
  return Bun.main.startsWith("/$bunfs/") ? [program] : [program, Bun.main]
}

/** Splits bytes into lines, as many at a time as a chunk has. Of a line that is too long, nothing is left. */
async function* lineBatches(bytes: ReadableStream<Uint8Array>): AsyncGenerator<ReadonlyArray<string>> {
  const decoder = new TextDecoder()
  let rest = ""
  let isTooLong = false
  for await (const chunk of bytes) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = parts.pop() ?? ""
    const lines = parts.slice(isTooLong && parts.length > 0 ? 1 : 0)
    if (parts.length > 0) isTooLong = false
    if (rest.length > maxLine) {
      rest = ""
      isTooLong = true
    }
    yield lines
  }
}

/** How many lines may wait for the database before the worker has to wait, too. */
const bufferedLines = 10_000

/** Starts a worker, which waits for its job. Throws if the system cannot start a process. */
const spawnWorker = (command: ReadonlyArray<string>): RunningWorker => {
  const child = Bun.spawn([...command, workerWord], {
    // What `ps` shows.
    argv0: process.execPath,
    stdin: "pipe",
    stdout: "pipe",
    // What an author's code prints may have secrets: it goes where the service's own output goes, not into the database.
    stderr: "inherit",
    // Ctrl-C in a terminal reaches a whole process group, but runs go on until `jiji serve` has drained.
    detached: true
  })
  const lines = Effect.runSync(Queue.bounded<WorkerLine, Cause.Done>(bufferedLines))
  const read = async () => {
    for await (const batch of lineBatches(child.stdout)) {
      const decoded = batch.flatMap((line) => Option.toArray(Result.getSuccess(decodeLine(line))))
      await Effect.runPromise(Queue.offerAll(lines, decoded))
    }
  }
  void read()
    .catch(() => {})
    .finally(() => Queue.endUnsafe(lines))
  return {
    owner: ownerOf(child.pid),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    send: (line) =>
      Effect.promise(async () => {
        try {
          await child.stdin.write(`${JSON.stringify(line)}\n`)
          await child.stdin.flush()
        } catch {
          // It has exited, and `exited` says how.
        }
      }),
    lines,
    interrupt: Effect.sync(() => child.kill("SIGTERM")),
    kill: Effect.sync(() => {
      try {
        // The programs that it has started are in its group.
        process.kill(-child.pid, "SIGKILL")
      } catch {
        child.kill("SIGKILL")
      }
    }),
    exited: Effect.promise(async () => {
      await child.exited
      return { code: child.exitCode, signal: child.signalCode }
    })
  }
}

/** Starts a worker; fails with the reason if the system cannot start a process, for example because memory runs out. */
const start = (command: ReadonlyArray<string>): Effect.Effect<RunningWorker, string> =>
  Effect.try({
    try: () => spawnWorker(command),
    catch: (cause) => (cause instanceof Error ? cause.message : String(cause))
  })

/** Starts worker processes, and keeps one ready, so that a run need not wait until a process has started. */
export class Workers extends Context.Service<
  Workers,
  {
    /**
     * A worker with a job. It is killed when the scope closes, if it has not ended before. Fails with the reason if the system
     * cannot start a process.
     */
    take(job: Job): Effect.Effect<Worker, string, Scope.Scope>
    /** Starts the worker that the next job takes, unless there is one. */
    readonly prepare: Effect.Effect<void>
  }
>()("jiji/serve/Workers") {
  /** `command` starts jiji. */
  static readonly layer = (command: ReadonlyArray<string>) =>
    Layer.effect(
      Workers,
      Effect.gen(function* () {
        let idle: RunningWorker | undefined
        let isClosed = false
        yield* Effect.addFinalizer(() =>
          Effect.suspend(() => {
            isClosed = true
            return idle?.kill ?? Effect.void
          })
        )
        return Workers.of({
          prepare: Effect.suspend(() =>
            isClosed || idle?.isAlive() === true
              ? Effect.void
              : // The next job needs one, and says why there is none.
                Effect.ignore(Effect.map(start(command), (worker) => (idle = worker)))
          ),
          take: (job) =>
            Effect.acquireRelease(
              Effect.suspend(() => {
                // The one that is ready is for a run: those are counted in milliseconds.
                if (job._tag !== "Run" || idle?.isAlive() !== true) return start(command)
                const worker = idle
                idle = undefined
                return Effect.succeed(worker)
              }),
              (worker) => Effect.suspend(() => (worker.isAlive() ? worker.kill : Effect.void))
            ).pipe(Effect.tap((worker) => worker.send(job)))
        })
      })
    )
}
