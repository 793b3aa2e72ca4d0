import { Cause, Effect } from "effect"
import { writeSync } from "node:fs"
import { exitReport } from "../process/exit.ts"
import type { PipelineFile } from "./find.ts"
import { PipelineExited, PipelineStuck } from "./PipelineFileError.ts"

/** How long the import of a pipeline file can take. */
export const importTimeoutSeconds = 10

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/**
 * Exits the process from another thread, since an endless loop in the file blocks this one. `process.exit` would end only
 * the Worker, so this calls `_exit` of the C library, or falls back to SIGKILL.
 */
const watchdogScript = (millis: number, text: string, code: number) => `
const { writeSync } = require("node:fs")
setTimeout(() => {
  try { writeSync(2, ${JSON.stringify(text)}) } catch {}
  for (const name of ["libc.so.6", "libSystem.B.dylib", "libc.so"]) {
    try { require("bun:ffi").dlopen(name, { _exit: { args: ["i32"], returns: "void" } }).symbols._exit(${code}) } catch {}
  }
  process.kill(process.pid, "SIGKILL")
}, ${millis})
`

const startWatchdog = (file: PipelineFile) => {
  const { code, text } = exitReport(
    Cause.fail(new PipelineStuck({ file: file.displayPath, seconds: importTimeoutSeconds }))
  )
  // One second later than the timeout of the import, which handles a file that waits without blocking.
  const script = watchdogScript((importTimeoutSeconds + 1) * 1000, text, code)
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }))
  const worker = new Worker(url)
  worker.unref()
  return () => {
    worker.terminate()
    URL.revokeObjectURL(url)
  }
}

/** Reports an exit during the import as a failure, whatever the exit code. */
const reportProcessExit = (file: PipelineFile) => {
  const onExit = (status: number) => {
    const { code, text } = exitReport(Cause.fail(new PipelineExited({ file: file.displayPath, status })))
    writeSync(2, text)
    process.exitCode = code
  }
  process.once("exit", onExit)
  return () => void process.removeListener("exit", onExit)
}

/** Lets signals kill the process: jiji's own handlers would only run after the import. */
const dropSignalHandlers = () => {
  const listeners = signals.map((signal) => [signal, process.listeners(signal)] as const)
  for (const signal of signals) process.removeAllListeners(signal)
  return () => {
    for (const [signal, each] of listeners) for (const listener of each) process.on(signal, listener)
  }
}

/**
 * Guards the import of a pipeline file: an import that never ends is aborted, a call of `process.exit` is reported, and a
 * signal ends the process immediately. One file at a time.
 */
export const guardedImport = <A, E, R>(file: PipelineFile, load: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => [startWatchdog(file), reportProcessExit(file), dropSignalHandlers()]),
    () => load,
    (undo) => Effect.sync(() => undo.forEach((each) => each()))
  )
