import { Clock, Context, Effect, Layer, Option, Random } from "effect"
import type { Engine, Server } from "../../config/Project.ts"
import { type Output } from "../processes/Command.ts"
import { build } from "./build/build.ts"
import type { LookResult, PortStatus } from "./facts.ts"
import { look } from "./look/look.ts"
import { tunnel } from "./tunnel/tunnel.ts"
import { answerLimit } from "../docker/limits.ts"
import { check } from "../docker/check/check.ts"
import type { Credentials } from "../docker/Docker.ts"
import { type EngineError, parseEngineError, EngineUnclear } from "../docker/DockerError.ts"
import { label, local, type Machine, remote } from "../shell/Machine.ts"
import { containerName } from "../registryContainer/RegistryContainer.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"

/** A machine's processor, engine, disk and clock. */
export interface MachineFacts extends Pick<LookResult, "processor" | "engine" | "disk" | "lacksForNames"> {
  /** How far its clock is ahead of this machine's, in milliseconds. */
  readonly ahead: number
  /** Why its engine does not respond; absent if it does. */
  readonly engineError?: EngineError
}

/** Checks whether machines have what a deploy needs. Leaves nothing behind on them. */
export class Diagnosis extends Context.Service<
  Diagnosis,
  {
    /** Reads a machine's facts. On a server, another engine counts if this one is not installed. */
    inspect(machine: Machine, engine: Engine): Effect.Effect<MachineFacts, EngineUnclear | ShellError>
    /** Builds an empty image on this machine or another one, for a platform such as `linux/arm64` or for its own. */
    testBuild(engine: Engine, platform: string | undefined, on?: Machine): Effect.Effect<void, EngineError | ShellError>
    /** Checks the credentials for a registry. Leaves no login behind. */
    checkLogin(
      machine: Machine,
      engine: Engine,
      credentials: Credentials
    ): Effect.Effect<void, EngineError | ShellError>
    /**
     * Finds the registry container: its port if jiji made it, and whether it runs or the engine is about to restart it. None
     * if there is no container.
     */
    registryContainer(
      engine: Engine
    ): Effect.Effect<Option.Option<{ readonly runs: boolean; readonly port?: number }>, EngineError | ShellError>
    /** Requests an image that does not exist, to see whether the registry answers without a login. */
    checkRegistry(
      machine: Machine,
      engine: Engine,
      repository: string
    ): Effect.Effect<"reachable" | "login-required", EngineError | ShellError>
    /** Checks a forwarded port on its server, with the engine or else with curl, wget or bash. */
    checkPort(
      server: Server,
      port: number,
      engine: Engine | undefined
    ): Effect.Effect<PortStatus & { readonly detail: string }, ShellError>
  }
>()("jiji/layers/diagnosis/Diagnosis") {
  static readonly layer = Layer.effect(
    Diagnosis,
    Effect.gen(function* () {
      const shell = yield* Shell

      const succeed = (context: Parameters<typeof parseEngineError>[0], output: Output) =>
        output.exitCode === 0 ? Effect.void : Effect.fail(parseEngineError(context, output))

      return Diagnosis.of({
        inspect: Effect.fnUntraced(function* (machine, engine) {
          const sent = yield* Clock.currentTimeMillis
          const output = yield* shell.run(machine, {
            ...look.command({ engine, only: machine._tag === "Local" }),
            limit: answerLimit(engine)
          })
          const received = yield* Clock.currentTimeMillis
          const context = { machine: label(machine), engine, operation: "show its version" }
          const facts = yield* look.answer(output.stdout)
          if (!("processor" in facts)) return yield* new EngineUnclear({ ...context, reason: facts })
          const { began, disk, ended, lacksForNames, processor } = facts
          // Compare the middle of the script's run with the middle of the request, as NTP does.
          const ahead = (began + ended) / 2 - (sent + received) / 2
          return {
            processor,
            ahead,
            ...(disk && { disk }),
            ...(lacksForNames && { lacksForNames }),
            ...(output.exitCode === 0
              ? facts.engine && { engine: facts.engine }
              : { engineError: parseEngineError(context, output) })
          }
        }),

        testBuild: Effect.fnUntraced(function* (engine, platform, on = local) {
          const word = (yield* Random.nextIntBetween(0, 36 ** 8)).toString(36)
          const command = build.command({ engine, platform: platform ?? "", word })
          const operation = "build a test image"
          const output = yield* shell.run(on, { ...command, limit: answerLimit(engine, operation) })
          yield* succeed({ machine: label(on), engine, operation }, output)
        }),

        checkLogin: Effect.fnUntraced(function* (machine, engine, { password, server, username }) {
          const command = check.command({ engine, registry: server, user: username })
          const operation = `log in to ${server}`
          const limit = answerLimit(engine, operation)
          const output = yield* shell.run(machine, { ...command, env: { JIJI_PASSWORD: password }, limit })
          yield* succeed({ machine: label(machine), engine, operation, reference: server }, output)
        }),

        registryContainer: Effect.fnUntraced(function* (engine) {
          const format = '{{.State.Status}} {{index .Config.Labels "jiji.registry"}}'
          const output = yield* shell.run(local, {
            words: [engine, "inspect", "--type", "container", "--format", format, containerName],
            limit: answerLimit(engine)
          })
          if (/no such (object|container)/i.test(output.stderr)) return Option.none()
          yield* succeed({ machine: "local", engine, operation: `inspect ${containerName}` }, output)
          const [status, port = ""] = output.stdout.trim().split(" ")
          return Option.some({
            runs: status === "running" || status === "restarting",
            ...(/^\d+$/.test(port) && { port: Number(port) })
          })
        }),

        checkRegistry: Effect.fnUntraced(function* (machine, engine, repository) {
          const reference = `${repository}:jiji-doctor`
          const operation = `pull ${reference}`
          const words = [engine, "pull", "--quiet", reference] as const
          const output = yield* shell.run(machine, { words, limit: answerLimit(engine, operation) })
          if (output.exitCode === 0) return "reachable"
          const context = { machine: label(machine), engine, operation, reference }
          const error = parseEngineError(context, output)
          if (error._tag === "ImageNotFound") return "reachable"
          if (error._tag === "RegistryRefused" || error._tag === "RegistryForbidden") return "login-required"
          return yield* error
        }),

        checkPort: Effect.fnUntraced(function* (server, port, engine) {
          const command = tunnel.command({ engine: engine ?? "", port })
          const limit = answerLimit(engine ?? "a program", "reach the registry")
          const { stderr, stdout } = yield* shell.run(remote(server), { ...command, limit })
          return { ...(yield* tunnel.answer(stdout)), detail: stderr.trim() }
        })
      })
    })
  )
}
