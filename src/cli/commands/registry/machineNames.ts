import type { Machine } from "../../../layers/shell/Machine.ts"
import { joinWords } from "../../../core/text.ts"

/** `this machine and 4 servers`; up to three servers by their names. */
export const places = (machines: ReadonlyArray<Machine>): string => {
  const servers = machines.flatMap((machine) => (machine._tag === "Remote" ? [machine.server.name] : []))
  const here = servers.length < machines.length ? ["this machine"] : []
  return joinWords([...here, ...(servers.length > 3 ? [`${servers.length} servers`] : servers)])
}
