import { Duration, Effect } from "effect"
import type { Engine } from "../../../config/Project.ts"
import { lastLines, reasonFrom } from "../../../core/lines.ts"
import type { Output } from "../../processes/Command.ts"
import { parseEngineError, PortTaken } from "../DockerError.ts"
import { replace, type Upstream, upstreamArgs } from "../replace/replace.ts"
import { portTaken, refusal } from "../replace/result.ts"
import { ContainerNotReady } from "./ContainerNotReady.ts"

/** Starts, stops or restarts a container as it is. */
export interface ControlOptions {
  readonly engine: Engine
  readonly project: string
  readonly service: string
  /** The container's name. */
  readonly name: string
  readonly action: "start" | "stop" | "restart"
  /** As in deploy.yml's `health`. */
  readonly runningFor: Duration.Duration
  readonly timeout: Duration.Duration
  /** The seconds that the container gets to stop, if it has its own. */
  readonly stopTimeout?: number
  /** The ports that it publishes, as in deploy.yml. */
  readonly ports: ReadonlyArray<string>
  /**
   * How the proxy reaches it. `address` is that of another replica, which takes its requests meanwhile; without one, they
   * wait in the proxy.
   */
  readonly upstream?: Omit<Upstream, "address"> & { readonly address?: string }
}

/** What happened to a container. */
export interface Controlled {
  readonly outcome: "started" | "stopped" | "unchanged" | "absent"
  /** The seconds in which nothing answered: of a restart. */
  readonly gap?: number
}

/** The command for `replace.sh`, whose lock keeps it apart from deploys. */
export const controlCommand = (options: ControlOptions) => {
  const { action, engine, name, ports, project, runningFor, service, timeout, upstream } = options
  const publish = ports.flatMap((port) => ["--publish", port])
  return replace.command(
    {
      engine,
      name,
      project,
      service,
      strategy: action === "stop" ? "halt" : action,
      digest: "",
      image: name,
      id: "",
      settle: Duration.toSeconds(runningFor),
      limit: Math.ceil(Duration.toSeconds(timeout)),
      restart: "",
      stop_timeout: "",
      mounts: "",
      modes: "",
      exclusive: publish.length,
      ...upstreamArgs(upstream && { ...upstream, address: upstream.address ?? "" })
    },
    publish,
    true
  )
}

const result = /^(started|stopped|unchanged|absent)(?: \S+)?(?: (\d+\.\d+))?$/m

/** Reads the result of `replace.sh`. */
export const controlResult = Effect.fnUntraced(function* (server: string, options: ControlOptions, output: Output) {
  const { action, engine, name, service } = options
  const [line = "", failing = "", ...log] = output.stdout.split("\n")
  const [, outcome, gap] = output.exitCode === 0 ? (result.exec(line) ?? []) : []
  if (outcome !== undefined) {
    const controlled: Controlled = {
      // The pattern only matches these four.
      outcome: outcome as Controlled["outcome"],
      ...(gap !== undefined && { gap: Number(gap) })
    }
    return controlled
  }
  if (line.startsWith("unready ")) {
    const reason = line.slice("unready ".length)
    const answer = failing === "" ? {} : { answer: failing.replace(/^(?:answer|error) /, "") }
    return yield* new ContainerNotReady({ server, service, name, reason, ...answer, log: lastLines(log.join("\n")) })
  }
  const refused = refusal(server, engine, line)
  if (refused !== undefined) return yield* refused
  if (portTaken.test(output.stderr)) {
    return yield* new PortTaken({ server, service, detail: reasonFrom(output.stderr, portTaken, 1) })
  }
  return yield* parseEngineError({ machine: server, engine, operation: `${action} the container ${name}` }, output)
})
