import { join } from "node:path"
import type { Host } from "../../test/e2e/Host.ts"

/** What was started on a server. */
export interface Started {
  /** Starts of the engine's client, `docker` or `podman`. */
  readonly clients: number
  /** All processes, except those that the engine itself starts. */
  readonly processes: number
}

const program = join(import.meta.dir, "processes.pl")
const file = "/run/accounting"

/** Names of the programs that are the engine, or start a container for it. */
const engine = /^(dockerd|containerd.*|conmon|runc.*|crun)$/

/** Starts to count the processes of a host. */
export const startCounting = (host: Host): Promise<string> => host.run(["perl", program, "start", file])

/** Counts what has been started since the last call. */
export const countStarted = async (host: Host): Promise<Started> => {
  const lines = (await host.run(["perl", program, "read", file])).split("\n").filter((line) => line !== "")
  const all = lines.map((line) => {
    const [state = "", pid = "", parent = "", ...name] = line.split(" ")
    return { hasEnded: state === "ended", pid, parent, name: name.join(" ") }
  })
  const byPid = new Map(all.map((process) => [process.pid, process]))
  const isEngines = ({ name, parent }: (typeof all)[number]): boolean => {
    const starter = byPid.get(parent)
    return engine.test(name) || (starter !== undefined && isEngines(starter))
  }
  // The benches' own commands on a host have a parent outside of it, which is shown as 0.
  const counted = all.filter((process) => process.hasEnded && process.parent !== "0" && !isEngines(process))
  return { clients: counted.filter(({ name }) => name === host.engine).length, processes: counted.length }
}
