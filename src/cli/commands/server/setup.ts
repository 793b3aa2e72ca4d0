import { Effect, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { select } from "../../../config/select.ts"
import { defineError } from "../../../core/defineError.ts"
import { joinWords, plural } from "../../../core/text.ts"
import { run } from "../../../pipeline/interpreter/run.ts"
import { describeAction, serverNeeds, type ServerNeeds, serverSetup } from "../../../steps/ServerSetupPipeline.ts"
import { ask } from "../../confirm.ts"
import { dryRunFlag, hostsFlag, jsonFlag, projectFlags } from "../../flags.ts"
import { formatWarning, OnGitHub } from "../../github.ts"
import { loadProject } from "../../loadProject.ts"
import { descriptions } from "../../pipelines/builtin.ts"
import { writeStderr } from "../../process/stderr.ts"
import { printResult, Terminal } from "../../process/Terminal.ts"
import { runDry } from "../../runDry.ts"
import { runLive } from "../../runLive.ts"
import { RunLayers } from "../../RunLayers.ts"

/** `jiji server setup` changes servers, but can neither ask nor was given --yes. */
export class SetupNotConfirmed extends defineError<SetupNotConfirmed>()("SetupNotConfirmed", {
  fields: { servers: Schema.Array(Schema.String) },
  message: (e) => `This command installs packages on ${joinWords(e.servers)}, and it cannot ask for confirmation here.`,
  remedy: "Use --yes to set them up without confirmation.",
  exitCode: "usage",
  sample: { servers: ["web1", "web2"] }
}) {}

const lines = (all: ReadonlyArray<ServerNeeds>): ReadonlyArray<string> =>
  all.flatMap(({ distribution, server, todo, user }) => [
    `${server} (${distribution}, as ${user}):${todo.length === 0 ? " nothing to do" : ""}`,
    ...todo.map((action) => `  ${describeAction(action)}`)
  ])

/** `jiji server setup`. */
export const command = Command.make(
  "setup",
  {
    ...projectFlags,
    hosts: hostsFlag,
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Set up without asking"), Flag.withDefault(false)),
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, yes }) {
    const { isInteractive } = yield* Terminal
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts })
    if (dryRun) {
      const heading = [
        `Dry run: install ${project.engine} on ${plural(project.servers.length, "server")}, and let it start at boot.`,
        "Nothing is changed and no connection is made. On a server that has it, jiji does only what is missing."
      ]
      return yield* runDry(serverSetup, { project }, { json, heading })
    }
    const { live } = yield* RunLayers
    const { needs } = yield* run(serverNeeds, { project }, live(project))
    const onGitHub = yield* OnGitHub
    const warnings = needs.flatMap(({ engine, server, unmanaged }) => {
      const text = `${server} runs neither systemd nor OpenRC, so jiji does not set up ${engine} to start at boot.`
      const remedy = `Make sure that it starts after a reboot; \`jiji doctor -H ${server}\` checks whether it runs now.`
      return unmanaged === true ? [formatWarning(onGitHub, text, remedy)] : []
    })
    yield* writeStderr(warnings.join(""))
    const missing = needs.filter(({ todo }) => todo.length > 0)
    yield* printResult(`${lines(needs).join("\n")}\n`, { json })
    if (missing.length === 0) return
    const names = missing.map(({ server }) => server)
    if (!yes && (json || !isInteractive)) return yield* new SetupNotConfirmed({ servers: names })
    if (!yes && !(yield* ask(`Set up ${joinWords(names)}?`))) return
    const servers = project.servers.filter(({ name }) => names.includes(name))
    yield* runLive(serverSetup, { project: { ...project, servers } }, { json })
  })
).pipe(
  Command.withDescription(descriptions.setup),
  Command.withExamples([
    { command: "jiji server setup", description: "Show what the servers lack, ask, and install it" },
    { command: "jiji server setup -H web3 --yes", description: "Set up one server without asking" }
  ])
)
