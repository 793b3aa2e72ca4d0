import { fullGC } from "bun:jsc"

/** A collection costs some 20 ms: what a layer leaves is worth that, and a page is not. */
const worthwhile = 48 * 1024 * 1024

let left = 0

/**
 * Says that bytes have passed through this process. Every piece of them leaves garbage of its size, and the runtime
 * thinks of all of the machine's memory before it collects what is no longer young: by itself it lets a large layer take
 * 250 MB and more.
 */
export const passed = (bytes: number): void => {
  left += bytes
  if (left < worthwhile) return
  left = 0
  fullGC()
}
