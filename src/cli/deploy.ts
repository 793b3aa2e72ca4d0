import { Effect, Fiber, type Layer, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { reference } from "../config/ImageName.ts"
import { load } from "../config/load.ts"
import type { Project } from "../config/Project.ts"
import { select } from "../config/select.ts"
import type { Docker } from "../layers/Docker.ts"
import type { Git } from "../layers/Git.ts"
import type { LocalRegistry } from "../layers/LocalRegistry.ts"
import type { Secrets } from "../layers/Secrets.ts"
import type { Ssh } from "../layers/Ssh.ts"
import { Events } from "../pipeline/Events.ts"
import { run } from "../pipeline/run.ts"
import { Scrubber } from "../pipeline/Scrubber.ts"
import { feed, type Reporter } from "../reporters/Reporter.ts"
import { deploy } from "../steps/DeployPipeline.ts"
import { lines } from "../testing/DryRun.ts"
import { Recording } from "../testing/Recording.ts"
import { given, project } from "./flags.ts"

type Services = Docker | Git | LocalRegistry | Secrets | Ssh

/** What the command takes from the outside: the layers that it runs over, and how it shows a run. */
export interface DeployLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services, never, R>
  readonly dry: (project: Project) => Layer.Layer<Services | Recording, never, R>
  readonly reporter: () => Reporter
  readonly write: (text: string) => void
}

const list = (name: string, alias: string, what: string) =>
  Flag.String(name).pipe(
    Flag.withAlias(alias),
    Flag.withMetavar("GLOB"),
    Flag.withDescription(`Only the ${what} that the glob matches; may be given several times`),
    Flag.between(0, 100)
  )

/** `jiji deploy`. */
export const command = <R>(layers: DeployLayers<R>) =>
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
      hosts: list("hosts", "H", "servers"),
      services: list("services", "S", "services"),
      dryRun: Flag.Boolean("dry-run").pipe(
        Flag.withDescription("Prints every command by machine, and touches nothing"),
        Flag.withDefault(false)
      )
    },
    Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, services, version }) {
      const whole = yield* load({
        cwd: process.cwd(),
        ...given("config", config),
        ...given("environment", environment)
      })
      const selected = yield* select(whole, { servers: hosts, services })
      const input = { project: selected, ...given("wanted", version) }
      if (dryRun) return yield* rehearse(layers, input)
      const stream = yield* (yield* Events).subscribe
      const reporter = yield* Effect.forkChild(feed(layers.reporter(), stream), { startImmediately: true })
      yield* run(deploy, input, layers.live(selected)).pipe(
        // The run's last event is published by now: what is shown ends with it. A reporter that broke is no part of the run.
        Effect.ensuring(Effect.timeoutOption(Fiber.await(reporter), "2 seconds"))
      )
    }, Effect.scoped)
  ).pipe(
    Command.withDescription("Build, ship and start the project's containers on its servers"),
    Command.withExamples([
      { command: "jiji deploy", description: "Deploy everything in .jiji/deploy.yml" },
      { command: "jiji deploy -e staging", description: "Deploy to the servers of .jiji/deploy.staging.yml" },
      { command: "jiji deploy -H 'web*' -S api", description: "Deploy one service to some servers" },
      { command: "jiji deploy --dry-run", description: "Show every command that a deploy would run" }
    ])
  )

/** Runs the pipeline over layers that only record, and prints what they recorded. */
const rehearse = <R>(layers: DeployLayers<R>, input: { readonly project: Project; readonly wanted?: string }) =>
  Effect.gen(function* () {
    const scrubber = yield* Scrubber
    yield* run(deploy, input)
    const { entries } = yield* Recording
    const servers = input.project.servers.length
    const heading = `A rehearsal of deploying ${input.project.name} to ${servers} ${servers === 1 ? "server" : "servers"} on which nothing runs yet.`
    const text = [
      heading,
      "Nothing is touched and no connection is made; ids and digests are made up.",
      ...lines(entries),
      "",
      "jiji:NAME.sh is a script of jiji's own; `jiji script NAME` prints it."
    ]
    layers.write(scrubber.text(`${text.join("\n")}\n`))
  }).pipe(Effect.provide(layers.dry(input.project)))
