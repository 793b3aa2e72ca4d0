import { readFileSync } from "node:fs"
import { hostname } from "node:os"

/**
 * The process that a run is in: `HOST BOOT PID START`. A number is given to another process in time, so it is known by
 * when it began; that is counted from when the machine began, so that is in it too.
 */

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1").trim()
  } catch {
    return ""
  }
}

/** Which start of the machine this is. Empty where the system does not tell. */
const boot = (): string => read("/proc/sys/kernel/random/boot_id")

/** When a process began, in ticks since the machine did. Empty where the system does not tell. */
const startOf = (pid: number): string =>
  // Behind the program's name, which is in parentheses and may hold anything; see proc(5).
  read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[19] ?? ""

/** This process. */
export const own = (): string => [hostname(), boot() || "-", process.pid, startOf(process.pid) || "-"].join(" ")

/** Whether a process lives; undefined where this machine cannot tell. */
export const isAlive = (owner: string): boolean | undefined => {
  const [host, booted = "-", pid = "", start = "-"] = owner.split(" ")
  if (host !== hostname()) return undefined
  if (booted !== "-" && booted !== boot()) return false
  const now = startOf(Number(pid))
  if (start !== "-" && now !== "") return now === start
  try {
    return process.kill(Number(pid), 0)
  } catch (cause) {
    // EPERM: there is such a process, and it is somebody else's.
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH")
  }
}

/** Who runs this: `user@machine`; the person, where they took another's rights with sudo. */
export const who = (): string => {
  const { LOGNAME, SUDO_USER, USER } = process.env
  const uid = process.getuid?.()
  // A service or a container may have no name for its user.
  const names = [SUDO_USER, USER, LOGNAME, uid === 0 ? "root" : `user ${uid ?? "?"}`]
  return `${names.find((name) => name !== undefined && name !== "")}@${hostname()}`
}
