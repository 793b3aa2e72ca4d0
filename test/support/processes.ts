import { existsSync, readdirSync, readFileSync } from "node:fs"
import { until } from "./waiting.ts"

/** Whether a process runs. One that has exited stays in the process table until its parent has asked how. */
export const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}

/** Kills a process, unless it has exited in the meantime. */
export const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause
  }
}

/** The command line of a process; empty when it has exited. */
export const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return ""
  }
}

/** All command lines on this machine. */
export const commandLines = (): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(Number(pid)))

/** The process ids that a command writes into a file, once they are there: one line, with spaces between. */
export const pidsIn = async (file: string): Promise<ReadonlyArray<number>> => {
  await until(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"))
  return readFileSync(file, "utf8").trim().split(" ").map(Number)
}

/** The parent of every process, by id. */
export const parents = (): ReadonlyMap<number, number> =>
  new Map(
    readdirSync("/proc").flatMap((entry): ReadonlyArray<readonly [number, number]> => {
      if (!/^\d+$/.test(entry)) return []
      try {
        // The command's name is in brackets and may contain anything.
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8")
        return [[Number(entry), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]]
      } catch {
        // It has exited in the meantime.
        return []
      }
    })
  )

/** The ids of all descendants of a process, nearest first. `isOmitted` leaves out a process and all below it. */
export const descendants = (pid: number, isOmitted: (pid: number) => boolean = () => false): ReadonlyArray<number> => {
  const all = parents()
  const children = (of: number): ReadonlyArray<number> =>
    [...all].flatMap(([child, parent]) => (parent === of && !isOmitted(child) ? [child, ...children(child)] : []))
  return children(pid)
}
