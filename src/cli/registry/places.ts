import { list } from "../../config/nearest.ts"
import type { Machine } from "../../layers/Machine.ts"

/** `this machine and 4 servers`; up to three servers by their names. */
export const places = (machines: ReadonlyArray<Machine>): string => {
  const servers = machines.flatMap((machine) => (machine._tag === "Remote" ? [machine.server.name] : []))
  const here = servers.length < machines.length ? ["this machine"] : []
  return list([...here, ...(servers.length > 3 ? [`${servers.length} servers`] : servers)])
}
