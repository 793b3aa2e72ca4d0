import { readFileSync } from "node:fs"
import type { Host } from "./Host.ts"
import { until } from "../support/waiting.ts"

const daemon = (host: Host) => host.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")

/** Ends a host's docker. The returned function starts it again. */
export const stopEngine = async (host: Host, signal: NodeJS.Signals) => {
  const dockerd = daemon(host)
  if (dockerd === undefined) throw new Error(`dockerd does not run on ${host.name}`)
  const directory = readFileSync(`/proc/${dockerd.pid}/environ`, "utf8").match(/TMPDIR=([^\0]*)/)?.[1] ?? "/tmp"
  process.kill(dockerd.pid, signal)
  await until(() => daemon(host) === undefined)
  return async () => {
    // A killed engine leaves its file with its process id, and would not start with it.
    await host.run(["rm", "-f", "/var/run/docker.pid"])
    host.start(dockerd.words, { env: { TMPDIR: directory }, timeout: 900_000 })
    await until(
      () => host.try(["docker", "version"]),
      ({ code }) => code === 0
    )
  }
}
