let uncollected = 0

/**
 * To be called with the bytes that have passed. Each piece leaves garbage behind, and the runtime thinks of all of the
 * machine's memory before it collects: by itself it lets the import of a large layer take 100 MB more.
 */
export const passed = (bytes: number): void => {
  uncollected += bytes
  if (uncollected < 64 * 1024 * 1024) return
  uncollected = 0
  Bun.gc(true)
}
