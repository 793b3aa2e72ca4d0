import { Effect, Option } from "effect"
import { type Command, Flag } from "effect/cli"
import { isTag } from "../config/ImageReference.ts"
import { select } from "../config/select.ts"
import { Git } from "../layers/git/Git.ts"
import { plural } from "../core/text.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { PipelineServices, RunInput } from "../steps/Runnable.ts"
import { dryRunFlag, globFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags } from "./flags.ts"
import { loadProject } from "./loadProject.ts"
import { runDry } from "./runDry.ts"
import { runLive } from "./runLive.ts"

/** The project and the input of a run, as the flags select them. */
export const selectInput = Effect.fnUntraced(function* (
  flags: Pick<
    Command.Command.Config.Infer<typeof runFlags>,
    "config" | "environment" | "hosts" | "services" | "version"
  >
) {
  const { config, environment, hosts, services, version } = flags
  const project = yield* loadProject({ config, environment })
  const selected = yield* select(project, { servers: hosts, services })
  const isFullDeploy = hosts.length + services.length === 0
  const commit = Effect.orElseSucceed((yield* Git).commit(project.root), Option.none<string>)
  return {
    project: selected,
    isFullDeploy,
    commit: yield* Effect.cached(commit),
    ...optionalProperty("requestedVersion", version)
  }
})

/** The flags of `jiji deploy` and `jiji run`. */
export const runFlags = {
  ...projectFlags,
  version: Flag.String("version").pipe(
    Flag.withMetavar("TAG"),
    Flag.withDescription("Tag for built images (default: the git commit, else a hash of the build context)"),
    Flag.filter(isTag, () => 'a tag: up to 128 letters, digits, "_", "." and "-", not starting with "." or "-"'),
    Flag.optional
  ),
  hosts: hostsFlag,
  services: globFlag("services", "S", "services"),
  dryRun: dryRunFlag,
  json: jsonFlag
}

/**
 * Runs a pipeline on the selected part of a project, live or dry. `extraInput` is what it needs beyond a {@link RunInput};
 * `action` is the first part of a dry run's heading: `deploy shop to`; `note` is what else it says.
 */
export const runOnProject = Effect.fnUntraced(function* <Extra extends object, S, E, F = never, R = never>(
  pipeline: Pipeline<RunInput & Extra, S, E, PipelineServices>,
  flags: Command.Command.Config.Infer<typeof runFlags>,
  extraInput: Extra,
  action: (project: string) => string,
  note: ReadonlyArray<string> = [
    "Nothing is changed and no connection is made. IDs, digests and addresses are placeholders."
  ],
  /** Asks before a live run; it ends if the answer is no. */
  confirm: (input: RunInput) => Effect.Effect<boolean, F, R> = () => Effect.succeed(true)
) {
  const { dryRun, json } = flags
  const input = { ...extraInput, ...(yield* selectInput(flags)) }
  const selected = input.project
  if (!dryRun) {
    if (!(yield* confirm(input))) return
    return void (yield* runLive(pipeline, input, { json, canResume: true }))
  }
  const heading = `Dry run: ${action(selected.name)} ${plural(selected.servers.length, "server")}, as if nothing ran there yet.`
  yield* runDry(pipeline, input, { json, heading: [heading, ...note] })
})
