import { Effect } from "effect"
import { Argument, type Command } from "effect/cli"
import type { Project } from "../config/Project.ts"
import { select } from "../config/select.ts"
import { joinWords, plural } from "../core/text.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { ControlInput } from "../steps/ControlPipelines.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { dryRunFlag, globFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "./flags.ts"
import { loadProject } from "./loadProject.ts"
import { namedServices } from "./namedServices.ts"
import { runDry } from "./runDry.ts"
import { runLive } from "./runLive.ts"

/** The flags of `jiji start`, `jiji stop` and `jiji restart`. */
export const controlFlags = {
  ...projectFlags,
  services: Argument.String("service").pipe(
    Argument.withDescription("Service, also one that is no longer in deploy.yml (default: all on the servers)"),
    Argument.between(0, 100)
  ),
  hosts: hostsFlag,
  globs: globFlag("services", "S", "services"),
  wait: waitFlag,
  dryRun: dryRunFlag,
  json: jsonFlag
}

/** Runs one of these commands. `verb` is for the heading of a dry run. */
export const control = Effect.fnUntraced(function* <S, E, F = never, R = never>(
  pipeline: Pipeline<ControlInput, S, E, PipelineServices>,
  verb: string,
  {
    config,
    dryRun,
    environment,
    globs,
    hosts,
    json,
    services,
    wait
  }: Command.Command.Config.Infer<typeof controlFlags>,
  /** Asks before a live run on all services; it ends if the answer is no. */
  confirmAll: (project: Project) => Effect.Effect<boolean, F, R> = () => Effect.succeed(true)
) {
  const loaded = yield* loadProject({ config, environment })
  const project = yield* select(loaded, { servers: hosts })
  const names = yield* namedServices(loaded, { named: services, globs, hosts })
  const input = {
    project,
    services: names.length === 0 ? undefined : names,
    ...optionalProperty("waitForLock", wait)
  }
  if (!dryRun) {
    if (input.services === undefined && !(yield* confirmAll(project))) return
    return void (yield* runLive(pipeline, input, { json, canResume: true }))
  }
  const what = input.services === undefined ? `all services of ${project.name}` : joinWords(input.services)
  const heading = [
    `Dry run: ${verb} ${what} on ${plural(project.servers.length, "server")}, as deploy.yml has them.`,
    "Nothing is changed and no connection is made."
  ]
  yield* runDry(pipeline, input, { json, heading })
})
