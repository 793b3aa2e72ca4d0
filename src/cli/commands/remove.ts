import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { defineError } from "../../core/defineError.ts"
import { joinWords, plural } from "../../core/text.ts"
import { remove } from "../../steps/RemovePipeline.ts"
import { ask, requireConfirmation } from "../confirm.ts"
import { dryRunFlag, globFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { namedServices } from "../namedServices.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runDry } from "../runDry.ts"
import { runLive } from "../runLive.ts"

/** `jiji remove` got neither names nor `--all`, or both. */
export class NoServiceNamed extends defineError<NoServiceNamed>()("NoServiceNamed", {
  fields: {},
  message: "jiji needs to know what to remove: either names of services, or --all.",
  remedy: "Use `jiji remove SERVICE …` or `jiji remove --all`. `--dry-run` shows what they do.",
  exitCode: "usage",
  sample: {}
}) {}

/** `jiji remove`. */
export const command = Command.make(
  "remove",
  {
    ...projectFlags,
    services: Argument.String("service").pipe(
      Argument.withDescription("Service to remove; also one that is no longer in deploy.yml"),
      Argument.between(0, 100)
    ),
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Remove all services of the project, also those that are no longer in deploy.yml"),
      Flag.withDefault(false)
    ),
    volumes: Flag.Boolean("volumes").pipe(
      Flag.withDescription("Also remove the services' volumes, with all data in them"),
      Flag.withDefault(false)
    ),
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Remove without asking"), Flag.withDefault(false)),
    hosts: hostsFlag,
    globs: globFlag("services", "S", "services"),
    wait: waitFlag,
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({
    all,
    config,
    dryRun,
    environment,
    globs,
    hosts,
    json,
    services: named,
    volumes,
    wait,
    yes
  }) {
    if (all === named.length + globs.length > 0) return yield* new NoServiceNamed()
    const loaded = yield* loadProject({ config, environment })
    const project = yield* select(loaded, { servers: hosts })
    const services = yield* namedServices(loaded, { named, globs, hosts })
    const input = {
      project,
      services: all ? undefined : services,
      withVolumes: volumes,
      ...optionalProperty("waitForLock", wait)
    }
    const what = all ? `all services of ${project.name}` : joinWords(input.services ?? [])
    const from = plural(project.servers.length, "server")
    if (dryRun) {
      const heading = [
        `Dry run: remove ${what} from ${from}.`,
        "Nothing is changed and no connection is made. A service that is not in deploy.yml is only found on the servers."
      ]
      return void (yield* runDry(remove, input, { json, heading }))
    }
    const removed = volumes ? `${what} with all data` : what
    yield* requireConfirmation(removed, { json, yes })
    const names = joinWords(project.servers.map(({ name }) => name))
    if (!yes && !(yield* ask(`Remove ${removed} from ${names}?`))) return
    yield* runLive(remove, input, { json, canResume: true })
  })
).pipe(
  Command.withDescription(descriptions.remove),
  Command.withExamples([
    { command: "jiji remove worker", description: "Remove the service worker from its servers; its volumes stay" },
    { command: "jiji remove --all -e staging", description: "Remove everything that an environment runs" },
    { command: "jiji remove db --volumes --yes", description: "Remove a service and its data, without asking" }
  ])
)
