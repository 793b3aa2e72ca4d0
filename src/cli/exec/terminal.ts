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

/** Runs `stty` on this process's terminal. Returns undefined if it fails, for example because the terminal is gone. */
const stty = (...args: ReadonlyArray<string>): string | undefined => {
  try {
    const { exitCode, stdout } = Bun.spawnSync(["stty", ...args], {
      stdin: "inherit",
      stdout: "pipe",
      stderr: "ignore"
    })
    return exitCode === 0 ? stdout.toString().trim() : undefined
  } catch {
    // There is no `stty`.
    return undefined
  }
}

/**
 * Switches the terminal to raw mode, and returns what switches it back. `setRawMode` is not enough: it still translates line
 * feeds in the output, which the remote terminal has done already.
 */
const makeRaw = (): (() => void) => {
  const before = stty("-g")
  if (before !== undefined && stty("raw", "-echo") !== undefined) return () => void stty(before)
  const setRaw = (isRaw: boolean) => {
    try {
      process.stdin.setRawMode(isRaw)
    } catch {
      // The terminal is gone, and its mode with it.
    }
  }
  setRaw(true)
  return () => setRaw(false)
}

let rawTerminals = 0

/** Whether the terminal is in raw mode now: then a line feed does not return to the first column. */
export const isRaw = (): boolean => rawTerminals > 0

/** While this is acquired, keys such as Ctrl-C go to the remote command. */
const rawMode = Effect.acquireRelease(
  Effect.sync(() => {
    rawTerminals++
    const restore = makeRaw()
    // A person has stopped jiji, and the shell has changed the terminal before it continues.
    const resume = () => void stty("raw", "-echo")
    process.on("SIGCONT", resume)
    // When jiji exits without waiting for anything.
    process.on("exit", restore)
    return () => {
      process.removeListener("SIGCONT", resume)
      process.removeListener("exit", restore)
      restore()
      rawTerminals--
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
      process.stdout.on("resize", report)
      report()
      return report
    }),
    (report) => Effect.sync(() => void process.stdout.removeListener("resize", report))
  )
)

/** The terminal of this process, as a command on a server gets it. */
export const localTerminal = (): TerminalOptions & { readonly sizes: Stream.Stream<TerminalSize> } => ({
  ...currentSize(),
  term: process.env["TERM"] || "xterm",
  sizes
})
