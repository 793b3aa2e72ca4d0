import { Effect, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { reference } from "../config/ImageName.ts"
import { select } from "../config/select.ts"
import { deploy } from "../steps/DeployPipeline.ts"
import { dryRun, given, globs, hosts, json, notBoth, project } from "./flags.ts"
import { open } from "./open.ts"
import { rehearse, type RunLayers, show } from "./runs.ts"

/** `jiji deploy`. */
export const command = <R>(layers: RunLayers<R>) =>
  Command.make(
    "deploy",
    {
      ...project,
      version: Flag.String("version").pipe(
        Flag.withMetavar("TAG"),
        Flag.withDescription("What the built images are tagged, in place of git's commit"),
        Flag.filter(
          (tag) => Result.isSuccess(reference("name", { tag })),
          () => 'a tag: at most 128 letters, digits, "_", "." and "-", the first no "." or "-"'
        ),
        Flag.optional
      ),
      hosts,
      services: globs("services", "S", "services"),
      dryRun,
      json
    },
    Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, services, version }) {
      yield* notBoth({ json, dryRun })
      const whole = yield* open({ config, environment })
      const selected = yield* select(whole, { servers: hosts, services })
      const input = { project: selected, whole: hosts.length + services.length === 0, ...given("wanted", version) }
      if (!dryRun) return yield* show(layers, deploy, input, { json })
      const servers = selected.servers.length
      yield* rehearse(layers, deploy, input, [
        `A rehearsal of deploying ${selected.name} to ${servers} ${servers === 1 ? "server" : "servers"} on which nothing runs yet.`,
        "Nothing is touched and no connection is made; ids and digests are made up."
      ])
    })
  ).pipe(
    Command.withDescription("Build, ship and start the project's containers on its servers"),
    Command.withExamples([
      { command: "jiji deploy", description: "Deploy everything in .jiji/deploy.yml" },
      { command: "jiji deploy -e staging", description: "Deploy to the servers of .jiji/deploy.staging.yml" },
      { command: "jiji deploy -H 'web*' -S api", description: "Deploy one service to some servers" },
      { command: "jiji deploy --dry-run", description: "Show every command that a deploy would run" },
      { command: "jiji deploy --json | jq -r .path", description: "Read what happens, in a program" }
    ])
  )
