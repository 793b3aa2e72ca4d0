import { Effect, type Scope } from "effect"

/** The process groups of running commands on this machine, by the process id of their leader. */
const groups = new Set<number>()

const killAll = () => {
  for (const group of groups) {
    try {
      process.kill(-group, "SIGKILL")
    } catch {
      // The group has already exited.
    }
  }
}

/**
 * Kills a command's process group when jiji exits, for whatever reason. Run it before starting the command, so that its
 * finalizer runs after the one that ends the command. Call the returned function with the process id.
 */
export const trackChild: Effect.Effect<(pid: number) => void, never, Scope.Scope> = Effect.suspend(() => {
  let group: number | undefined
  const untrack = Effect.sync(() => {
    if (group !== undefined) groups.delete(group)
  })
  const track = (pid: number) => {
    if (!process.listeners("exit").includes(killAll)) process.on("exit", killAll)
    group = pid
    groups.add(pid)
  }
  return Effect.as(
    Effect.addFinalizer(() => untrack),
    track
  )
})
