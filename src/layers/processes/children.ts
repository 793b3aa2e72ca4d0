import { Effect, type Scope } from "effect"

/** The groups of the commands on this machine that are not ended yet, each by the process that leads it. */
const groups = new Set<number>()

const killAll = () => {
  for (const group of groups) {
    try {
      process.kill(-group, "SIGKILL")
    } catch {
      // All of it has ended already.
    }
  }
}

/**
 * Keeps a command, each of which leads a process group of its own, from outliving jiji, whichever way that ends. Asked for
 * before the command is started, so that it is known until the scope has ended it; takes the process once it is there.
 */
export const trackChild: Effect.Effect<(pid: number) => void, never, Scope.Scope> = Effect.suspend(() => {
  let group: number | undefined
  const forget = Effect.sync(() => {
    if (group !== undefined) groups.delete(group)
  })
  const note = (pid: number) => {
    if (!process.listeners("exit").includes(killAll)) process.on("exit", killAll)
    group = pid
    groups.add(pid)
  }
  return Effect.as(
    Effect.addFinalizer(() => forget),
    note
  )
})
