import type { Project } from "../../../config/Project.ts"
import { local, type Machine, remote } from "../../../layers/shell/Machine.ts"
import { joinWords } from "../../../core/text.ts"

/** `this machine and 4 servers`; three servers or fewer are named. */
export const machineNames = (machines: ReadonlyArray<Machine>): string => {
  const servers = machines.flatMap((machine) => (machine._tag === "Remote" ? [machine.server.name] : []))
  const here = servers.length < machines.length ? ["this machine"] : []
  return joinWords([...here, ...(servers.length > 3 ? [`${servers.length} servers`] : servers)])
}

/** The machines that push to the project's registry or pull from it: with a remote builder, this machine does neither. */
export const registryMachines = (
  { builder, servers }: Pick<Project, "builder" | "servers">,
  { skipLocal = false, skipRemote = false } = {}
): ReadonlyArray<Machine> => {
  const isServer = servers.some(({ name }) => name === builder?.name)
  const own = builder === undefined ? (skipLocal ? [] : [local]) : skipRemote || isServer ? [] : [remote(builder)]
  return [...own, ...servers.map(remote)]
}
