import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { local, remote } from "../../layers/shell/Machine.ts"
import { defineError } from "../../core/defineError.ts"
import { login, logout } from "../../steps/RegistryPipelines.ts"
import { closing } from "../process/stderr.ts"
import { dryRun, hosts, json, notBoth, project } from "../flags.ts"
import { open } from "../loadProject.ts"
import type { RegistryLayers } from "./registry/layers.ts"
import { places } from "./registry/machineNames.ts"
import * as RemoveCommand from "./registry/remove.ts"
import * as ServeCommand from "./registry/serve.ts"
import * as StatusCommand from "./registry/status.ts"
import { rehearse } from "../rehearse.ts"
import type { RunLayers } from "../RunLayers.ts"
import { show } from "../runLive.ts"

/** A command got both --skip-local and --skip-remote. */
export class NoMachine extends defineError<NoMachine>()("NoMachine", {
  fields: {},
  message: "--skip-local and --skip-remote cannot be used together: no machine is left.",
  remedy: "Leave one of them out.",
  exitCode: "usage",
  sample: {}
}) {}

const skip = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(what), Flag.withDefault(false))

const flags = {
  ...project,
  hosts,
  skipLocal: skip("skip-local", "Leaves this machine out"),
  skipRemote: skip("skip-remote", "Leaves the servers out, and connects to none"),
  dryRun,
  json
}

const verbs = {
  login: { pipeline: login, done: "Logged in to", rehearsed: "logging in to", preposition: "to" },
  logout: { pipeline: logout, done: "Logged out of", rehearsed: "logging out of", preposition: "of" }
} as const

const make = <R>(verb: "login" | "logout", layers: RunLayers<R>) =>
  Command.make(
    verb,
    flags,
    Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, skipLocal, skipRemote }) {
      yield* notBoth({ json, dryRun })
      if (skipLocal && skipRemote) return yield* new NoMachine()
      const whole = yield* open({ config, environment })
      const { registry } = whole
      const { done, pipeline, preposition, rehearsed } = verbs[verb]
      if (registry.type === "local") {
        return yield* closing(
          layers.write,
          { json },
          `The registry of ${whole.name} is local: there is nothing to log ${verb === "login" ? "in" : "out"} ${preposition}.\n`
        )
      }
      const selected = yield* select(whole, { servers: hosts, services: [] })
      const servers = skipRemote ? [] : selected.servers
      const machines = [...(skipLocal ? [] : [local]), ...servers.map(remote)]
      const input = { project: { ...selected, servers }, registry, machines }
      const where = `${registry.server} on ${places(machines)}`
      if (dryRun) {
        const heading = [`A rehearsal of ${rehearsed} ${where}.`, "Nothing is touched and no connection is made."]
        return yield* rehearse(layers, pipeline, input, heading)
      }
      yield* show(layers, pipeline, input, { json })
      return yield* closing(layers.write, { json }, `${done} ${where}.\n`)
    })
  )

/** `jiji registry`. */
export const command = <R>(layers: RegistryLayers<R>) =>
  Command.make("registry").pipe(
    Command.withDescription("Look after the project's registry"),
    Command.withSubcommands([
      make("login", layers).pipe(
        Command.withDescription("Log this machine and the servers in to the project's registry"),
        Command.withExamples([
          { command: "jiji registry login", description: "Log in on this machine and on every server" },
          { command: "jiji registry login --skip-remote", description: "Log in on this machine alone" }
        ])
      ),
      make("logout", layers).pipe(
        Command.withDescription("Log this machine and the servers out of the project's registry")
      ),
      StatusCommand.command(layers),
      ServeCommand.command(layers),
      RemoveCommand.command(layers)
    ])
  )
