import { Effect, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import { lastLines } from "../core/lines.ts"
import { Events } from "../core/Events.ts"
import { SetupAction } from "../layers/setup/facts.ts"
import { setup } from "../layers/setup/setup.ts"
import { remote } from "../layers/shell/Machine.ts"
import { Shell } from "../layers/shell/Shell.ts"
import { Ssh } from "../layers/ssh/Ssh.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"

/** What a server's setup begins with. */
export interface SetupInput {
  readonly project: Project
}

/** What is missing on a server. */
export const ServerNeeds = Schema.Struct({
  server: Schema.String,
  /** Such as `Debian GNU/Linux 12 (bookworm)`. */
  distribution: Schema.String,
  user: Schema.String,
  engine: Schema.String,
  todo: Schema.Array(SetupAction),
  /** Present if the engine is installed, but neither systemd nor OpenRC is there to start it at boot. */
  unmanaged: Schema.optionalKey(Schema.Literal(true))
})
export type ServerNeeds = typeof ServerNeeds.Type

/** jiji does not know the packages of the server's distribution. */
export class DistributionUnknown extends defineError<DistributionUnknown>()("DistributionUnknown", {
  fields: { server: Schema.String, distribution: Schema.String, engine: Schema.String },
  message: (e) =>
    `${e.server} runs ${e.distribution === "unknown" ? "an unknown system" : e.distribution}, and jiji sets up only Debian, Ubuntu, Fedora and Alpine.`,
  remedy: (e) => `Install ${e.engine} there yourself. \`jiji doctor -H ${e.server}\` then checks it.`,
  exitCode: "unavailable",
  sample: { server: "web1", distribution: "Arch Linux", engine: "docker" }
}) {}

/** Nothing starts programs at boot on the server. */
export class ServiceManagerMissing extends defineError<ServiceManagerMissing>()("ServiceManagerMissing", {
  fields: { server: Schema.String, engine: Schema.String },
  message: (e) => `${e.server} runs neither systemd nor OpenRC, so jiji cannot let ${e.engine} start at boot.`,
  remedy: (e) => `Install and start ${e.engine} there yourself. \`jiji doctor -H ${e.server}\` then checks it.`,
  exitCode: "unavailable",
  sample: { server: "web1", engine: "docker" }
}) {}

/** The user of the server may not install anything. */
export class RootNeeded extends defineError<RootNeeded>()("RootNeeded", {
  fields: { server: Schema.String, user: Schema.String },
  message: (e) => `${e.user} cannot become root on ${e.server} without a password.`,
  remedy: (e) =>
    `Set \`user: root\` for ${e.server} during the setup, or allow it there: echo '${e.user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/${e.user}`,
  exitCode: "permission",
  sample: { server: "web1", user: "deploy" }
}) {}

/** Not even root can read the engine's settings, which the setup would change. */
export class EngineSettingsUnreadable extends defineError<EngineSettingsUnreadable>()("EngineSettingsUnreadable", {
  fields: { server: Schema.String, file: Schema.String },
  message: (e) => `Cannot read ${e.file} on ${e.server}, so jiji does not change it.`,
  remedy: (e) =>
    `Run \`sudo cat ${e.file}\` on ${e.server} to see why, make the file readable, and run \`jiji server setup\` again.`,
  exitCode: "permission",
  sample: { server: "web1", file: "/etc/docker/daemon.json" }
}) {}

const attempts = {
  install: "installing its packages",
  group: "adding the user to the group docker",
  boot: "starting the engine",
  logs: "limiting the logs",
  answer: "waiting for the engine to answer"
} as const

/** A step of a server's setup failed. */
export class SetupFailed extends defineError<SetupFailed>()("SetupFailed", {
  fields: {
    server: Schema.String,
    failed: Schema.Literals(["install", "group", "boot", "logs", "answer"]),
    output: Schema.String
  },
  message: (e) =>
    `The setup of ${e.server} failed when ${attempts[e.failed]}${e.output === "" ? "." : `: ${e.output}`}`,
  remedy: "Fix what the server says, and run `jiji server setup` again: it does only what is still missing.",
  exitCode: "failed",
  sample: { server: "web1", failed: "install", output: "E: Unable to locate package docker.io" }
}) {}

type OnServer = SetupInput & { readonly server: Server }

/** Packages may come over a slow network, and wait for other package managers. */
const limits = {
  plan: { after: "60 seconds" },
  apply: { after: "15 minutes", counts: "silence", waitingFor: "the packages" }
} as const

/** Runs the script on a server. Fails if nothing can be done there. */
const run = Effect.fnUntraced(function* ({ project, server }: OnServer, mode: "plan" | "apply") {
  yield* (yield* Ssh).connect(server)
  const { engine } = project
  const output = yield* (yield* Shell).run(remote(server), {
    ...setup.command({ engine, mode }),
    limit: limits[mode],
    ...(mode === "apply" && { show: "stderr" as const })
  })
  const facts = yield* setup.answer(output.stdout)
  const { distribution, failed, fault, file = "", user } = facts
  if (fault === "distribution") return yield* new DistributionUnknown({ server: server.name, distribution, engine })
  if (fault === "manager") return yield* new ServiceManagerMissing({ server: server.name, engine })
  if (fault === "root") return yield* new RootNeeded({ server: server.name, user })
  if (fault === "unreadable") return yield* new EngineSettingsUnreadable({ server: server.name, file })
  if (failed !== undefined || output.exitCode !== 0) {
    const text = lastLines(output.stderr, 5).trim()
    return yield* new SetupFailed({ server: server.name, failed: failed ?? "answer", output: text })
  }
  return facts
})

const look = Step.make(
  "look",
  Effect.fnUntraced(function* (state: OnServer) {
    const { distribution, engine, isUnmanaged, todo, user } = yield* run(state, "plan")
    const needs: ServerNeeds = {
      server: state.server.name,
      distribution,
      user,
      engine,
      todo,
      ...(isUnmanaged && { unmanaged: true as const })
    }
    return { needs }
  }),
  { result: Schema.Struct({ needs: ServerNeeds }) }
)

/** Finds what is missing on the servers. Changes nothing. */
export const serverNeeds = Pipeline.make<SetupInput>("needs").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: SetupInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.step(look)),
    collect: { as: "needs", value: ({ needs }) => needs }
  })
)

const install = Step.make(
  "install",
  Effect.fnUntraced(function* (state: OnServer) {
    const { publish } = yield* Events
    const { engine, needsRestart, todo } = yield* run(state, "apply")
    const text = todo.length === 0 ? "nothing to do" : todo.map(describeAction).join("; ")
    yield* publish({ _tag: "StepNoted", level: "info", text })
    if (needsRestart) {
      const warning = `${engine} was already running: it limits the logs of new containers after \`systemctl restart ${engine}\`, which stops containers for a moment`
      yield* publish({ _tag: "StepNoted", level: "warning", text: warning })
    }
    return {}
  })
)

/** What an action does, as a phrase: `install docker.io`. */
export const describeAction = ({ detail, kind }: SetupAction): string => {
  switch (kind) {
    case "install":
      return `install ${detail}`
    case "group":
      return `add ${detail} to the group docker`
    case "boot":
      return `start ${detail}, also at boot`
    case "logs":
      return `limit the logs of containers (${detail})`
  }
}

/** What `jiji server setup` runs: it installs what is missing, on all servers at the same time. */
export const serverSetup = Pipeline.make<SetupInput>("setup").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: SetupInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.step(install))
  })
)
