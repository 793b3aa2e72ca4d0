import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { hostname } from "node:os"
import { select } from "../../config/select.ts"
import { joinWords, plural } from "../../core/text.ts"
import { holderText } from "../../layers/lock/Holder.ts"
import { grouped } from "../../layers/lock/ProjectLock.ts"
import { localUser } from "../../layers/ssh/localUser.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import { locks, ofOthers, unlock } from "../../steps/LockPipeline.ts"
import { ask } from "../confirm.ts"
import { dryRunFlag, hostsFlag, jsonFlag, projectFlags } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { Terminal } from "../process/Terminal.ts"
import { runDry } from "../runDry.ts"
import { runLive } from "../runLive.ts"
import { RunLayers } from "../RunLayers.ts"

/** `jiji unlock`. */
export const command = Command.make(
  "unlock",
  {
    ...projectFlags,
    force: Flag.Boolean("force").pipe(
      Flag.withDescription("Also end the locks of other people, without asking"),
      Flag.withDefault(false)
    ),
    hosts: hostsFlag,
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, force, hosts, json }) {
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts })
    if (dryRun) {
      const heading = `Dry run: unlock ${project.name} on ${plural(project.servers.length, "server")}.`
      const note = "Nothing is changed and no connection is made."
      return void (yield* runDry(unlock, { project, force }, { json, heading: [heading, note] }))
    }
    const { isInteractive } = yield* Terminal
    let isAllowed = force
    if (!force && isInteractive && !json) {
      const { live } = yield* RunLayers
      const found = yield* Effect.provide(run(locks, { project }), live(project))
      const others = ofOthers(found.locks, { user: localUser(), machine: hostname() })
      for (const { holder, servers } of grouped(others)) {
        if (!(yield* ask(`${holderText(project.name, joinWords(servers), holder)}. End this lock?`))) return
        isAllowed = true
      }
    }
    yield* runLive(unlock, { project, force: isAllowed }, { json })
  })
).pipe(
  Command.withDescription(descriptions.unlock),
  Command.withExamples([
    { command: "jiji unlock", description: "End your own lock" },
    { command: "jiji unlock --force", description: "End a lock of somebody else" }
  ])
)
