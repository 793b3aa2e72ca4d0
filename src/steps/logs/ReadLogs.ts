import { Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Events } from "../../core/Events.ts"
import type { Failure } from "../../core/Failure.ts"
import { IsDryRun } from "../../core/IsDryRun.ts"
import { joinWords, oneLine } from "../../core/text.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import type { LogBatch, LogQuery } from "../../layers/docker/logs/LogLine.ts"
import * as Step from "../../pipeline/Step.ts"
import * as Connect from "../Connect.ts"
import type { Collector } from "./Collector.ts"

/** Which lines `jiji logs` prints. */
export interface LogsQuery extends Pick<LogQuery, "since" | "tail" | "until"> {
  /** Whether to go on with the lines that come. */
  readonly follow: boolean
}

/** Ends a server's source when its work fails, and says so at once if others go on. */
const endIfFailed = <A, E extends Failure, R>(
  { collector, project, server }: { readonly collector: Collector; readonly project: Project; readonly server: Server },
  effect: Effect.Effect<A, E, R>
) =>
  Effect.tapError(effect, (error) =>
    Effect.gen(function* () {
      if (project.servers.length > 1) {
        const text = `its lines are missing from here on. ${oneLine(error.message)}`
        yield* (yield* Events).publish({ _tag: "StepNoted", level: "warning", text })
      }
      yield* collector.source(server.name).isOver
      // If this is the last server, its failure must not stop the writing.
      yield* collector.isWritten
    })
  )

/** Connects to a server. */
export const connect = Step.make(
  "connect",
  (state: { readonly project: Project; readonly server: Server; readonly collector: Collector }) =>
    endIfFailed(state, Connect.find(state.project, state.server))
)

/** Reads the logs of a server's containers, and follows them if asked to. */
export const step = Step.make(
  "logs",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly connected: Connect.ConnectedServer
    readonly collector: Collector
    readonly query: LogsQuery
  }) {
    const { collector, connected, project, query, server } = state
    const docker = yield* Docker
    const { publish } = yield* Events
    const source = collector.source(server.name)
    const engine = connected.engine.name
    const services = project.services.filter(({ hosts }) => hosts.includes(server.name)).map(({ name }) => name)
    const about = { project: project.name, services }
    /** How far each container is read. */
    const from = new Map<string, string>()
    let found = 0
    const withServer = ({ lines }: LogBatch) => lines.map((line) => ({ ...line, server: server.name }))

    const { follow, since, tail, until } = query
    const limits = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
    // Without past lines, the last one still says where to begin.
    const past = { ...about, ...limits, ...(tail !== undefined && { tail: tail === 0 && follow ? 1 : tail }) }
    const readPast = docker.logs(server, engine, past, (batch) => {
      found += batch.containers.length
      for (const { id } of batch.containers) from.set(id, since ?? "")
      for (const { container, time } of batch.lines)
        if (time > (from.get(container.id) ?? "")) from.set(container.id, time)
      return tail === 0 ? Effect.void : source.past(withServer(batch))
    })
    yield* endIfFailed(
      state,
      Effect.gen(function* () {
        yield* readPast
        if (found === 0 && !(yield* IsDryRun)) {
          const text = `no container of ${joinWords(services, "or")} yet; to start one: jiji deploy`
          yield* publish({ _tag: "StepNoted", level: "warning", text })
        }
        yield* source.pastIsOver
        if (follow)
          yield* docker.followLogs(server, engine, { ...about, from }, (batch) => source.present(withServer(batch)))
      })
    )
    yield* source.isOver
    return { found }
  })
)
