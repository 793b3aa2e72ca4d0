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
