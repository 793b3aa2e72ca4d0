import { readFileSync } from "node:fs"

/**
 * The peak memory of a process in megabytes. Reads it while the process runs, because the kernel drops it at the end. What
 * `wait` reports is not used: it includes the memory of the process that started this one.
 */
export const peakMemory = async (pid: () => number, done: Promise<unknown>): Promise<number> => {
  let peak = 0
  const ended = new AbortController()
  void done.finally(() => ended.abort())
  while (!ended.signal.aborted) {
    try {
      const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/status`, "utf8"))?.[1]
      peak = Math.max(peak, Number(kilobytes ?? 0) / 1024)
    } catch {
      // The process has not started yet, or has just ended.
    }
    await Bun.sleep(5)
  }
  return peak
}
