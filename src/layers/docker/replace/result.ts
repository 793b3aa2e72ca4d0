import { Duration, Effect, Option, Schema } from "effect"
import type { Engine } from "../../../config/Project.ts"
import { lastLines, reasonFrom } from "../../../core/lines.ts"
import type { Output } from "../../processes/Command.ts"
import type { ReplaceOptions } from "../Docker.ts"
import { startReason } from "../startReason.ts"
import { parseReplaced } from "./replace.ts"
import {
  ContainerBusy,
  ContainerForeign,
  ContainerNotStarted,
  ContainerUnhealthy,
  NotSwitched,
  parseEngineError,
  PortTaken
} from "../DockerError.ts"
import { AddressTaken } from "../NetworkError.ts"

/** `.Config.Healthcheck` as both engines print it: times in nanoseconds, absent or 0 where the default holds. */
const Healthcheck = Schema.fromJsonString(
  Schema.Struct({
    Interval: Schema.optional(Schema.Finite),
    StartPeriod: Schema.optional(Schema.Finite),
    Retries: Schema.optional(Schema.Finite)
  })
)
const decodeHealthcheck = Schema.decodeUnknownOption(Healthcheck)
const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))

/** Reads the two lines about the health check: its settings, and its last output. */
const healthcheck = (settings: string, output: string) =>
  Option.match(Option.all([decodeHealthcheck(settings), decodeText(output)]), {
    onNone: () => ({}),
    onSome: ([{ Interval = 0, Retries = 0, StartPeriod = 0 }, text]) => ({
      check: {
        output: lastLines(text, 10).trim(),
        // The engines' defaults: 30 s and 3.
        interval: (Interval === 0 ? 30e9 : Interval) / 1e9,
        startPeriod: StartPeriod / 1e9,
        retries: Retries === 0 ? 3 : Retries
      }
    })
  })

/** The error of a script that could not get the lock of a container, as `take_turn` in lock.sh reports it. */
export const containerBusy = (server: string, { exitCode, stdout }: Output): ContainerBusy | undefined => {
  const [line = ""] = stdout.split("\n")
  const [word, name = "", ...holder] = line.split(" ")
  if (exitCode === 0 || word !== "busy") return undefined
  return new ContainerBusy({ server, name: name.replace(/:$/, ""), holder: holder.join(" ") })
}

/** Reads what the proxy got from a container: `answer STATUS BODY`, or `error TEXT`. */
const answerOf = (text: string): { readonly status?: number; readonly body?: string; readonly error?: string } => {
  const [, status, body = ""] = /^answer (\d+) ?(.*)$/.exec(text) ?? []
  if (status !== undefined) return { status: Number(status), body: body.trim() }
  return { error: text.replace(/^error (?:nc: )?/, "").trim() }
}

/** What docker and podman print if a container's fixed address is in use. For a port, the words are in lower case. */
const addressTaken = /\bAddress already in use$|requested ip address \S+ is already allocated/m

/** What docker and podman print if a published port is in use. */
export const portTaken = /port is already allocated|address already in use/i

/** What keeps `replace.sh` from starting. */
export const refusal = (server: string, engine: Engine, line: string): ContainerBusy | ContainerForeign | undefined => {
  const [word = "", ...detail] = line.split(" ")
  if (word === "busy") {
    const [name = "", ...holder] = detail
    return new ContainerBusy({ server, name: name.replace(/:$/, ""), holder: holder.join(" ") })
  }
  return word === "foreign" ? new ContainerForeign({ server, engine, name: detail.join(" ") }) : undefined
}

/** Reads the result of a `replace.sh` that removes a container. */
export const removeResult = Effect.fnUntraced(function* (
  server: string,
  { engine, name }: Pick<ReplaceOptions, "engine" | "name">,
  output: Output
) {
  if (output.exitCode === 0) return
  const refused = refusal(server, engine, output.stdout.split("\n")[0] ?? "")
  if (refused !== undefined) return yield* refused
  return yield* parseEngineError({ machine: server, engine, operation: `remove the container ${name}` }, output)
})

/** Reads the result of `replace.sh`: its exit code, and the first word of its output. */
export const replaceResult = Effect.fnUntraced(function* (
  server: string,
  {
    container,
    engine,
    service,
    timeout
  }: Pick<ReplaceOptions, "engine" | "service" | "timeout"> & {
    readonly container?: Pick<ReplaceOptions["container"], "network">
  },
  output: Output
) {
  const [line = "", ...rest] = output.stdout.split("\n")
  const [word = "", ...detail] = line.split(" ")
  const about = { server, service }
  if (output.exitCode === 0) {
    const replaced = yield* Effect.option(parseReplaced(line))
    if (Option.isSome(replaced)) return replaced.value
  }
  const undone = { ...about, keepsOld: output.exitCode === 10 }
  const reason = detail.join(" ")
  if (word === "unhealthy") return yield* new ContainerUnhealthy({ ...undone, reason, log: rest.join("\n").trimEnd() })
  if (word === "unhealthy-check") {
    const [settings = "", text = "", ...log] = rest
    return yield* new ContainerUnhealthy({
      ...undone,
      ...healthcheck(settings, text),
      timeout: Math.ceil(Duration.toSeconds(timeout)),
      reason,
      log: log.join("\n").trimEnd()
    })
  }
  if (word === "unhealthy-answer") {
    const [text = "", ...log] = rest
    return yield* new ContainerUnhealthy({
      ...undone,
      answer: answerOf(text),
      timeout: Math.ceil(Duration.toSeconds(timeout)),
      reason,
      log: log.join("\n").trimEnd()
    })
  }
  if (word === "unswitched") return yield* new NotSwitched({ ...undone, detail: reasonFrom(output.stderr, /./) })
  const refused = refusal(server, engine, line)
  if (refused !== undefined) return yield* refused
  const network = container?.network
  if (word === "unstarted" && network !== undefined && addressTaken.test(output.stderr)) {
    return yield* new AddressTaken({ ...about, engine, address: network.address, name: network.name })
  }
  if (portTaken.test(output.stderr)) {
    return yield* new PortTaken({ ...about, detail: reasonFrom(output.stderr, portTaken, 1) })
  }
  const operation = `replace the container of ${service}`
  const error = parseEngineError({ machine: server, engine, operation }, output)
  return yield* word === "unstarted" && error._tag === "EngineFailed"
    ? new ContainerNotStarted({ ...undone, detail: startReason(output.stderr) })
    : error
})
