import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"

/** What does not outlive a boot: mounts of containers, and files in /run. */
const forget =
  "cut -d' ' -f2 /proc/mounts | grep -E '^/run/(docker|containerd)/|/docker/.*/(merged|shm)$' | xargs -r umount -l; " +
  "rm -rf /run/docker* /run/containerd"

/**
 * Removes what docker loses when a server reboots, and starts it. `program` is its client, and `before` are the processes
 * that ran when the server was new.
 */
export const bootDocker = async (h1: ServerHost, program: string, before: ReadonlyArray<ReadonlyArray<string>>) => {
  const engine = before.find((words) => words[0]?.endsWith("/dockerd") === true) ?? []
  await h1.run(["sh", "-c", forget])
  await h1.run([
    "sh",
    "-c",
    'mkdir -p /run/docker; TMPDIR=/run/docker setsid -f "$@" >/run/engine.log 2>&1',
    "sh",
    ...engine
  ])
  await until(
    () => h1.try([program, "ps"]),
    ({ code }) => code === 0
  )
}
