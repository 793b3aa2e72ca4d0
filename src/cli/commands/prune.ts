import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { printable } from "../../core/text.ts"
import { formatBytes } from "../../core/units.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { prettyJson } from "../../reporters/json.ts"
import { prune, type Pruned } from "../../steps/PrunePipeline.ts"
import { ask, requireConfirmation } from "../confirm.ts"
import { hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { RunLayers } from "../RunLayers.ts"
import { runLive } from "../runLive.ts"

const lines = ({ containers, files, images, server }: Pruned): ReadonlyArray<string> => {
  const all = [
    ...images.map(({ bytes, name }) => `  image      ${name} (${formatBytes(bytes)})`),
    ...containers.map((name) => `  container  ${name}`),
    ...files.map((name) => `  file       ${name}`)
  ]
  return all.length === 0 ? [] : [server, ...all.map(printable)]
}

/** `jiji prune`. */
export const command = Command.make(
  "prune",
  {
    ...projectFlags,
    hosts: hostsFlag,
    wait: waitFlag,
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Remove without asking"), Flag.withDefault(false)),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Look at the servers and list what would be removed"),
      Flag.withDefault(false)
    ),
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, wait, yes }) {
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts })
    if (!dryRun) yield* requireConfirmation(`unused images and leftovers of ${project.name}`, { json, yes })
    if (dryRun || !yes) {
      const { live } = yield* RunLayers
      const terminal = yield* Terminal
      const scrubber = yield* Scrubber
      const { pruned } = yield* Effect.provide(run(prune, { project, remove: false }), live(project))
      const text = pruned.flatMap(lines)
      if (json) terminal.write(`${scrubber.text(prettyJson({ servers: pruned }))}\n`)
      else terminal.write(`${text.length === 0 ? "Nothing to remove." : text.map(scrubber.text).join("\n")}\n`)
      if (dryRun || text.length === 0 || !(yield* ask("Remove this?"))) return
    }
    yield* runLive(prune, { project, remove: true, ...optionalProperty("waitForLock", wait) }, { json })
  })
).pipe(
  Command.withDescription(descriptions.prune),
  Command.withExamples([
    { command: "jiji prune --dry-run", description: "List what nothing refers to on the servers, with its size" },
    { command: "jiji prune --yes", description: "Remove it without asking" }
  ])
)
