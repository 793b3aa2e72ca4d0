import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import { type ConnectedServer, orphansOn } from "./Connect.ts"
import { deploy } from "./DeployPipeline.ts"
import * as RemoveService from "./RemoveService.ts"

interface State {
  readonly project: Project
  readonly server: ConnectedServer
}

/** Removes the services that deploy.yml does not place on a server; their volumes stay. */
const step = Step.make(
  "remove",
  Effect.fnUntraced(function* (state: State) {
    for (const service of orphansOn(state.project, state.server)) {
      yield* RemoveService.step.run({ ...state, service, withVolumes: false })
    }
  })
)

/** What `jiji deploy --remove-orphans` runs: after a deploy that succeeded everywhere, nothing else of the project is left. */
export const deployAndRemoveOrphans = deploy.pipe(
  Pipeline.forEach({
    name: "orphans",
    as: "server",
    items: ({ connected, project }: Pick<State, "project"> & { readonly connected: ReadonlyArray<ConnectedServer> }) =>
      connected.filter((server) => orphansOn(project, server).length > 0),
    key: (server) => server.name,
    body: Pipeline.make<State>("server").pipe(Pipeline.step(step))
  })
)
