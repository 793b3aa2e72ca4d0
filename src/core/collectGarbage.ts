import { edenGC, fullGC } from "bun:jsc"

/**
 * Collect young objects after this many bytes. Takes about 1 ms. With more, the allocator returns freed memory to the kernel
 * before it is used again, and getting it back costs more than the collection.
 */
const minorThreshold = 8 * 1024 * 1024

/** Collect everything after this many bytes. Takes about 25 ms, which pays off for an image layer but not for a web page. */
const fullThreshold = 256 * 1024 * 1024

let sinceMinor = 0
let sinceFull = 0

/**
 * Counts bytes that became garbage, and collects it once there are enough. All chunks that pass through this process do. The
 * runtime collects late, because it only looks at how much memory the machine has: a large layer then takes 250 MB and more.
 */
export const collectAfter = (bytes: number): void => {
  sinceMinor += bytes
  sinceFull += bytes
  if (sinceMinor < minorThreshold) return
  sinceMinor = 0
  if (sinceFull < fullThreshold) return void edenGC()
  sinceFull = 0
  fullGC()
}
