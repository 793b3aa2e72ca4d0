import { Effect, type Option } from "effect"
import { Flag } from "effect/cli"
import { isTag } from "../config/ImageReference.ts"
import { select } from "../config/select.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { RunInput, PipelineServices } from "../steps/Runnable.ts"
import { dryRun, given, globs, hosts, json, notBoth, project } from "./flags.ts"
import { open } from "./loadProject.ts"
import { rehearse } from "./rehearse.ts"
import type { RunLayers } from "./RunLayers.ts"
import { show } from "./runLive.ts"
import { plural } from "../core/text.ts"

/** The flags of everything that runs a pipeline on a project: of `jiji deploy`, and of `jiji run`. */
export const runFlags = {
  ...project,
  version: Flag.String("version").pipe(
    Flag.withMetavar("TAG"),
    Flag.withDescription("What the built images are tagged, in place of git's commit"),
    Flag.filter(isTag, () => 'a tag: at most 128 letters, digits, "_", "." and "-", the first no "." or "-"'),
    Flag.optional
  ),
  hosts,
  services: globs("services", "S", "services"),
  dryRun,
  json
}

/** What was given for them. */
export interface RunFlags {
  readonly config: Option.Option<string>
  readonly environment: Option.Option<string>
  readonly version: Option.Option<string>
  readonly hosts: ReadonlyArray<string>
  readonly services: ReadonlyArray<string>
  readonly dryRun: boolean
  readonly json: boolean
}

/**
 * Runs a pipeline on the selected part of a project, or rehearses it. `more` is what it needs beyond that; `doing` says in
 * a rehearsal what is done, up to the servers: `deploying shop to`.
 */
export const runOnProject = Effect.fnUntraced(function* <More extends object, S, E, R>(
  layers: RunLayers<R>,
  pipeline: Pipeline<RunInput & More, S, E, PipelineServices>,
  flags: RunFlags,
  more: More,
  doing: (project: string) => string
) {
  const { config, dryRun, environment, hosts, json, services, version } = flags
  yield* notBoth({ json, dryRun })
  const loaded = yield* open({ config, environment })
  const selected = yield* select(loaded, { servers: hosts, services })
  const input = {
    ...more,
    project: selected,
    isFullDeploy: hosts.length + services.length === 0,
    ...given("requestedVersion", version)
  }
  if (!dryRun) return void (yield* show(layers, pipeline, input, { json }))
  const servers = selected.servers.length
  yield* rehearse(layers, pipeline, input, [
    `A rehearsal of ${doing(selected.name)} ${plural(servers, "server")} on which nothing runs yet.`,
    "Nothing is touched and no connection is made; ids and digests are made up."
  ])
})
