import { Effect } from "effect"
import type { Project, RemoteRegistryConfig } from "../../config/Project.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import type { Machine } from "../../layers/shell/Machine.ts"
import { Events } from "../../core/Events.ts"
import * as Step from "../../pipeline/Step.ts"
import { engineOn } from "./engineOn.ts"

/** Logs a machine's engine out of the registry. Skipped if it is not logged in. */
export const step = Step.make(
  "logout",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly registry: RemoteRegistryConfig
    readonly machine: Machine
  }) {
    const { machine, project, registry } = state
    const engine = yield* engineOn(project, machine)
    const was = yield* (yield* Docker).logout(machine, engine, registry.server)
    if (!was) return Step.skip(`${engine} is not logged in`)
    return yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: engine })
  })
)
