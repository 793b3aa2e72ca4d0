import { Context } from "effect"
import { totalmem } from "node:os"

/** What a program may use of its machine. */
export interface MachineResources {
  /** How many files and connections the process may have open. */
  readonly openFiles: number
  /** All memory in bytes, because systems count their caches as free or as used. */
  readonly memory: number
}

/** How much a program does at the same time. */
export interface Capacity {
  /** The items of a forEach whose strategy sets no limit. The largest ones are servers. */
  readonly items: number
  /** SSH handshakes. */
  readonly handshakes: number
}

/** Files that are open anyway: the terminal, the store of images, the run history, programs on this machine. */
const reservedFiles = 128

/** A connection, and six layers that its server pulls through the tunnel at once: two sockets and a file each. */
const filesPerItem = 1 + 6 * 3

/** A connection with its commands takes less than 1 MB, and the data under way to a server is limited. */
const memoryPerItem = 2 * 1024 * 1024

/**
 * They all run on one thread, whatever the number of cores, and take it 2 ms each; on a very slow machine ten times as long.
 * Then the last of this many still ends within 3 s. A server waits for minutes, jiji by default for 10 s.
 */
const handshakes = 128

/** Returns what a machine can bear. It always makes some progress. */
export const capacityOf = ({ memory, openFiles }: MachineResources): Capacity => ({
  items: Math.max(8, Math.floor(Math.min((openFiles - reservedFiles) / filesPerItem, memory / 4 / memoryPerItem))),
  handshakes
})

/** The process report, as far as it is used here. On some systems a limit is `unlimited`. */
interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } }
}

/** The limit of this process. Bun raises it at start as far as the system allows. */
const openFiles = (): number => {
  // The types say `object`.
  const report = process.report.getReport() as Report
  const soft = report.userLimits?.open_files?.soft
  if (soft === "unlimited") return Number.POSITIVE_INFINITY
  // The lowest default of the systems that jiji runs on: macOS.
  return typeof soft === "number" ? soft : 256
}

/** A container may have less than its machine. */
const memory = (): number => Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem())

/** What this machine can bear. */
export const CurrentCapacity = Context.Reference<Capacity>("jiji/core/capacity", {
  defaultValue: () => capacityOf({ openFiles: openFiles(), memory: memory() })
})
