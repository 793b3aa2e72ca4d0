import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { Effect, Queue, Stream } from "effect"
import type { TerminalOptions } from "../../layers/shell/interact.ts"
import type { TerminalSize } from "../../layers/ssh/Ssh.ts"

/** Stdin as it arrives, until it ends. */
export const stdin: Stream.Stream<Uint8Array> = NodeStream.fromReadable<Uint8Array, unknown>({
  evaluate: () => process.stdin,
  onError: (error) => error,
  closeOnDone: false
}).pipe(
  // A terminal that vanishes, or a file that cannot be read: there is nothing more to read.
  Stream.catch(() => Stream.empty)
)

/** Switches the terminal between its modes, if it is still there. */
const setRaw = (isRaw: boolean): void => {
  try {
    process.stdin.setRawMode(isRaw)
  } catch {
    // The terminal is gone, and its mode with it.
  }
}

/** While this is acquired, keys such as Ctrl-C go to the remote command. */
const rawMode = Effect.acquireRelease(
  Effect.sync(() => {
    // When jiji exits without waiting for anything, and after somebody has stopped and continued it.
    const restore = () => setRaw(false)
    const resume = () => setRaw(true)
    process.on("exit", restore).on("SIGCONT", resume)
    resume()
    return () => {
      process.removeListener("SIGCONT", resume)
      restore()
      process.removeListener("exit", restore)
    }
  }),
  (release) => Effect.sync(release)
)

/** The keys of the terminal. It is in raw mode as long as they are read. */
export const keys: Stream.Stream<Uint8Array> = Stream.unwrap(Effect.as(rawMode, stdin))

const currentSize = (): TerminalSize => {
  const [columns, rows] = process.stdout.getWindowSize()
  // Some terminals do not know their size.
  return { columns: columns || 80, rows: rows || 24 }
}

/** The size of the terminal now, and whenever it changes. */
const sizes: Stream.Stream<TerminalSize> = Stream.callback((queue) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const report = () => void Queue.offerUnsafe(queue, currentSize())
      process.on("SIGWINCH", report)
      report()
      return report
    }),
    (report) => Effect.sync(() => void process.removeListener("SIGWINCH", report))
  )
)

/** The terminal of this process, as a command on a server gets it. */
export const localTerminal = (): TerminalOptions & { readonly sizes: Stream.Stream<TerminalSize> } => ({
  ...currentSize(),
  term: process.env["TERM"] || "xterm",
  sizes
})
