import { readFileSync } from "node:fs"

/** What a process has used. */
export interface Usage {
  /** Peak memory. */
  readonly megabytes: number
  /** Processor time in user and kernel mode, without its child processes. */
  readonly cpuSeconds: number
}

/**
 * Watches a process until `done`. Reads /proc while it runs, because the kernel drops that at the end. What `wait` reports
 * is not used: its peak memory includes that of the process that started this one.
 */
export const watch = async (pid: () => number, done: Promise<unknown>): Promise<Usage> => {
  let usage: Usage = { megabytes: 0, cpuSeconds: 0 }
  const ended = new AbortController()
  void done.finally(() => ended.abort())
  while (!ended.signal.aborted) {
    try {
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/status`, "utf8"))?.[1] ?? "0"
      // The fields after the name, which is in parentheses: utime and stime are numbers 14 and 15 of all.
      const fields = readFileSync(`/proc/${pid()}/stat`, "utf8").replace(/.*\) /s, "").split(" ")
      const ticks = Number(fields[11]) + Number(fields[12])
      const megabytes = Math.max(usage.megabytes, Number(peak) / 1024)
      usage = { megabytes, cpuSeconds: Math.max(usage.cpuSeconds, ticks / 100) }
    } catch {
      // The process has not started yet, or has just ended.
    }
    await Bun.sleep(5)
  }
  return usage
}
