import { Cause, Effect } from "effect"
import { writeSync } from "node:fs"
import { ending } from "../process/exit.ts"
import type { PipelineFile } from "./find.ts"
import { PipelineExited, PipelineStuck } from "./PipelineFileError.ts"

/** How long the import of a file may take, in seconds. */
export const patience = 10

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/**
 * Ends the process from a thread of its own, since a loop that never yields lets nothing else run. A Worker's
 * `process.exit` ends only the Worker, so it is the C library's; a SIGKILL where that is not found.
 */
const watchdog = (millis: number, text: string, code: number) => `
const { writeSync } = require("node:fs")
setTimeout(() => {
  try { writeSync(2, ${JSON.stringify(text)}) } catch {}
  for (const name of ["libc.so.6", "libSystem.B.dylib", "libc.so"]) {
    try { require("bun:ffi").dlopen(name, { _exit: { args: ["i32"], returns: "void" } }).symbols._exit(${code}) } catch {}
  }
  process.kill(process.pid, "SIGKILL")
}, ${millis})
`

const watch = (file: PipelineFile) => {
  const { code, text } = ending(Cause.fail(new PipelineStuck({ file: file.shown, seconds: patience })))
  // A second more, for what only waits is found by the timeout of the import itself.
  const script = watchdog((patience + 1) * 1000, text, code)
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }))
  const worker = new Worker(url)
  worker.unref()
  return () => {
    worker.terminate()
    URL.revokeObjectURL(url)
  }
}

/** Of a process that ends here nothing was run, whatever code the file ends it with. */
const refuseExit = (file: PipelineFile) => {
  const said = (status: number) => {
    const { code, text } = ending(Cause.fail(new PipelineExited({ file: file.shown, status })))
    writeSync(2, text)
    process.exitCode = code
  }
  process.once("exit", said)
  return () => void process.removeListener("exit", said)
}

/** Signals end the process by themselves: handlers of this one would wait for the file's end. */
const yieldSignals = () => {
  const listeners = signals.map((signal) => [signal, process.listeners(signal)] as const)
  for (const signal of signals) process.removeAllListeners(signal)
  return () => {
    for (const [signal, each] of listeners) for (const listener of each) process.on(signal, listener)
  }
}

/**
 * Imports a file in such a way that it cannot keep or end the process: one that never ends is given up, one that calls
 * `process.exit` is told of, and signals end the process at once. One file at a time.
 */
export const guarded = <A, E, R>(file: PipelineFile, load: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => [watch(file), refuseExit(file), yieldSignals()]),
    () => load,
    (undo) => Effect.sync(() => undo.forEach((each) => each()))
  )
