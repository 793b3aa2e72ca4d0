import type { Machine } from "../../../layers/shell/Machine.ts"
import { joinWords } from "../../../core/text.ts"

/** `this machine and 4 servers`; three servers or fewer are named. */
export const machineNames = (machines: ReadonlyArray<Machine>): string => {
  const servers = machines.flatMap((machine) => (machine._tag === "Remote" ? [machine.server.name] : []))
  const here = servers.length < machines.length ? ["this machine"] : []
  return joinWords([...here, ...(servers.length > 3 ? [`${servers.length} servers`] : servers)])
}
