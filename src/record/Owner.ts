import { readFileSync } from "node:fs"
import { hostname } from "node:os"

/**
 * Identifies the process of a run as `HOST BOOT PID START`. Process IDs are reused, so it includes the start time, which
 * counts from boot, so it includes the boot ID too.
 */

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1").trim()
  } catch {
    return ""
  }
}

/** The ID of the current boot, or an empty string if the system has none. */
const bootId = (): string => read("/proc/sys/kernel/random/boot_id")

/** When a process started, in clock ticks since boot, or an empty string if unknown. */
const startTicks = (pid: number): string =>
  // The fields follow the program's name, which is in parentheses and may contain anything; see proc(5).
  read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[19] ?? ""

/** The identity of a process of this machine. */
export const ownerOf = (pid: number): string => [hostname(), bootId() || "-", pid, startTicks(pid) || "-"].join(" ")

/** The identity of this process. */
export const currentOwner = (): string => ownerOf(process.pid)

/** Whether a process is running; undefined if it belongs to another machine. */
export const isAlive = (owner: string): boolean | undefined => {
  const [host, booted = "-", pid = "", start = "-"] = owner.split(" ")
  if (host !== hostname()) return undefined
  if (booted !== "-" && booted !== bootId()) return false
  const now = startTicks(Number(pid))
  if (start !== "-" && now !== "") return now === start
  try {
    return process.kill(Number(pid), 0)
  } catch (cause) {
    // EPERM means that the process exists but belongs to another user.
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH")
  }
}

/** Who runs this process, as `user@machine`. Under sudo, this is the user who called it. */
export const currentUser = (): string => {
  const { LOGNAME, SUDO_USER, USER } = process.env
  const uid = process.getuid?.()
  // Services and containers may have no user name.
  const names = [SUDO_USER, USER, LOGNAME, uid === 0 ? "root" : `user ${uid ?? "?"}`]
  return `${names.find((name) => name !== undefined && name !== "")}@${hostname()}`
}
