import { Clock, Context, Effect, Layer, Option, Random } from "effect"
import type { Engine, Server } from "../../config/Project.ts"
import { type Output, script } from "../processes/Command.ts"
import { decodeFacts, decodeSeenPort, type Facts, type SeenPort } from "./facts.ts"
import { scripts } from "./scripts.ts"
import { scripts as engineScripts } from "../docker/scripts.ts"
import type { Credentials } from "../docker/Docker.ts"
import { type EngineError, engineError, EngineUnclear } from "../docker/DockerError.ts"
import { label, local, type Machine, remote } from "../shell/Machine.ts"
import { containerName } from "../registryContainer/RegistryContainer.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"

/** What a machine is like. */
export interface Looked extends Pick<Facts, "processor" | "engine" | "disk"> {
  /** Milliseconds that its clock is ahead of this machine's. */
  readonly ahead: number
  /** Why its engine does not answer; absent where it does. */
  readonly fault?: EngineError
}

/** Looks at machines for what a deploy needs, and leaves nothing on them. */
export class Diagnosis extends Context.Service<
  Diagnosis,
  {
    /** What a machine has. The first of the engines that is there is the one that counts. */
    look(
      machine: Machine,
      engines: readonly [Engine, ...Array<Engine>]
    ): Effect.Effect<Looked, EngineUnclear | ShellError>
    /** Builds an image of nothing on this machine, for a platform (`linux/arm64`) or its own. */
    build(engine: Engine, platform: string | undefined): Effect.Effect<void, EngineError | ShellError>
    /** Whether a registry lets a user in. No login is left behind. */
    login(machine: Machine, engine: Engine, credentials: Credentials): Effect.Effect<void, EngineError | ShellError>
    /** The registry's container, if there is one: whether it runs, and the port it was made for, if jiji made it. */
    container(
      engine: Engine
    ): Effect.Effect<Option.Option<{ readonly runs: boolean; readonly port?: number }>, EngineError | ShellError>
    /** Whether a registry answers when it is asked for an image that it does not have, or asks for a login first. */
    reach(
      machine: Machine,
      engine: Engine,
      repository: string
    ): Effect.Effect<"answers" | "asks", EngineError | ShellError>
    /** How a forwarded port looks from the server that it is on; asked by its engine, or by what else there is. */
    port(
      server: Server,
      port: number,
      engine: Engine | undefined
    ): Effect.Effect<SeenPort & { readonly detail: string }, ShellError>
  }
>()("jiji/layers/diagnosis/Diagnosis") {
  static readonly layer = Layer.effect(
    Diagnosis,
    Effect.gen(function* () {
      const shell = yield* Shell

      const succeed = (context: Parameters<typeof engineError>[0], output: Output) =>
        output.exitCode === 0 ? Effect.void : Effect.fail(engineError(context, output))

      return Diagnosis.of({
        look: Effect.fnUntraced(function* (machine, engines) {
          const [engine] = engines
          const sent = yield* Clock.currentTimeMillis
          const output = yield* shell.run(machine, script("look", scripts.look, engines))
          const received = yield* Clock.currentTimeMillis
          const about = { machine: label(machine), engine, operation: "show its version" }
          const facts = decodeFacts(output.stdout)
          if (!("processor" in facts)) return yield* new EngineUnclear({ ...about, reason: facts })
          const { began, disk, ended, processor } = facts
          // Its clock at the moment that lies halfway between what is known to be before and behind it.
          const ahead = (began + ended) / 2 - (sent + received) / 2
          return {
            processor,
            ahead,
            ...(disk && { disk }),
            ...(output.exitCode === 0
              ? facts.engine && { engine: facts.engine }
              : { fault: engineError(about, output) })
          }
        }),

        build: Effect.fnUntraced(function* (engine, platform) {
          const word = (yield* Random.nextIntBetween(0, 36 ** 8)).toString(36)
          const output = yield* shell.run(local, script("build", scripts.build, [engine, platform ?? "", word]))
          yield* succeed({ machine: "local", engine, operation: "build a test image" }, output)
        }),

        login: Effect.fnUntraced(function* (machine, engine, { password, server, username }) {
          const command = script("check", engineScripts.check, [engine, server, username])
          const output = yield* shell.run(machine, { ...command, env: { JIJI_PASSWORD: password } })
          const operation = `log in to ${server}`
          yield* succeed({ machine: label(machine), engine, operation, reference: server }, output)
        }),

        container: Effect.fnUntraced(function* (engine) {
          const format = '{{.State.Running}} {{index .Config.Labels "jiji.registry"}}'
          const output = yield* shell.run(local, {
            words: [engine, "inspect", "--type", "container", "--format", format, containerName]
          })
          if (/no such (object|container)/i.test(output.stderr)) return Option.none()
          yield* succeed({ machine: "local", engine, operation: `inspect ${containerName}` }, output)
          const [runs, port = ""] = output.stdout.trim().split(" ")
          return Option.some({ runs: runs === "true", ...(/^\d+$/.test(port) && { port: Number(port) }) })
        }),

        reach: Effect.fnUntraced(function* (machine, engine, repository) {
          const reference = `${repository}:jiji-doctor`
          const output = yield* shell.run(machine, { words: [engine, "pull", "--quiet", reference] })
          if (output.exitCode === 0) return "answers"
          const context = { machine: label(machine), engine, operation: `pull ${reference}`, reference }
          const error = engineError(context, output)
          if (error._tag === "ImageNotFound") return "answers"
          if (error._tag === "RegistryRefused" || error._tag === "RegistryForbidden") return "asks"
          return yield* error
        }),

        port: Effect.fnUntraced(function* (server, port, engine) {
          const command = script("tunnel", scripts.tunnel, [engine ?? "", String(port)])
          const { stderr, stdout } = yield* shell.run(remote(server), command)
          return { ...decodeSeenPort(stdout), detail: stderr.trim() }
        })
      })
    })
  )
}
