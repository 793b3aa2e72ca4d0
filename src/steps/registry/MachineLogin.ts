import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { type Credentials, Docker } from "../../layers/docker/Docker.ts"
import type { Machine } from "../../layers/shell/Machine.ts"
import { Events } from "../../core/Events.ts"
import * as Step from "../../pipeline/Step.ts"
import { engineOn } from "./engineOn.ts"

/** Logs a machine's engine in to the registry until it is logged out. */
export const step = Step.make(
  "login",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly machine: Machine
    readonly credentials: Credentials
  }) {
    const { credentials, machine, project } = state
    const engine = yield* engineOn(project, machine)
    yield* (yield* Docker).login(machine, engine, credentials)
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: engine })
  })
)
