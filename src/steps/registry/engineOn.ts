import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import type { Machine } from "../../layers/shell/Machine.ts"
import { Ssh } from "../../layers/ssh/Ssh.ts"

/** The engine of a machine: the configured one on this machine, the one found on a server. */
export const engineOn = Effect.fnUntraced(function* (project: Project, machine: Machine) {
  if (machine._tag === "Local") return project.engine
  yield* (yield* Ssh).connect(machine.server)
  return (yield* (yield* Docker).probe(machine.server, project.engine, project.name)).name
})
