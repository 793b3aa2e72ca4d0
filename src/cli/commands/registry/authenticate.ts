import { Effect } from "effect"
import { type Command, Flag } from "effect/cli"
import { select } from "../../../config/select.ts"
import type { login, logout } from "../../../steps/RegistryPipelines.ts"
import { dryRunFlag, hostsFlag, jsonFlag, projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { printResult } from "../../process/Terminal.ts"
import { ConflictingFlags } from "../../ConflictingFlags.ts"
import { runDry } from "../../runDry.ts"
import { runLive } from "../../runLive.ts"
import { machineNames, registryMachines } from "./machineNames.ts"

const skipFlag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

/** The flags of `jiji registry login` and `jiji registry logout`. */
export const authenticateFlags = {
  ...projectFlags,
  hosts: hostsFlag,
  skipLocal: skipFlag("skip-local", "Skip this machine"),
  skipRemote: skipFlag("skip-remote", "Skip the servers; open no connection"),
  dryRun: dryRunFlag,
  json: jsonFlag
}

/** Logs machines in to the project's registry, or out of it. */
export const authenticate = Effect.fnUntraced(function* (
  {
    config,
    dryRun,
    environment,
    hosts,
    json,
    skipLocal,
    skipRemote
  }: Command.Command.Config.Infer<typeof authenticateFlags>,
  {
    action,
    done,
    pipeline
  }: {
    readonly pipeline: typeof login | typeof logout
    /** In the imperative: `log in to`. */
    readonly action: string
    /** In the past tense: `Logged in to`. */
    readonly done: string
  }
) {
  if (skipLocal && skipRemote) return yield* new ConflictingFlags({ flags: ["--skip-local", "--skip-remote"] })
  const project = yield* loadProject({ config, environment })
  const { registry } = project
  if (registry.type === "local") {
    return yield* printResult(`The registry of ${project.name} is local and has no logins.\n`, { json })
  }
  const selected = yield* select(project, { servers: hosts, services: [] })
  const servers = skipRemote ? [] : selected.servers
  const machines = registryMachines({ ...selected, servers }, { skipLocal, skipRemote })
  const input = { project: { ...selected, servers }, registry, machines }
  const where = `${registry.server} on ${machineNames(machines)}`
  if (dryRun) {
    const heading = [`Dry run: ${action} ${where}.`, "Nothing is changed and no connection is made."]
    return yield* runDry(pipeline, input, { json, heading })
  }
  yield* runLive(pipeline, input, { json })
  return yield* printResult(`${done} ${where}.\n`, { json })
})
