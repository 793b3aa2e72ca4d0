import { Duration, Effect, Schema } from "effect"
import type { Project } from "../../config/Project.ts"
import { Events } from "../../core/Events.ts"
import { IsDryRun } from "../../core/IsDryRun.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import * as Step from "../../pipeline/Step.ts"
import type { ConnectedServer } from "../Connect.ts"
import { upstreamOf } from "../Deploy.ts"
import { containerName, replicaNumbers, replicaOf } from "../Plan.ts"

/** What was done about one service on one server. */
export const Controlled = Schema.Struct({
  service: Schema.String,
  server: Schema.String,
  outcome: Schema.Literals(["started", "stopped", "restarted", "unchanged"]),
  containers: Schema.Array(Schema.String),
  /** The longest time in seconds in which a container did not answer, because it was restarted. */
  gap: Schema.optionalKey(Schema.Finite)
})
export type Controlled = typeof Controlled.Type

/** A container of a service. */
export interface Replica {
  readonly number: number
  readonly name: string
  readonly running: boolean
  /** The fixed address in the project's network. */
  readonly address?: string
  readonly ports: ReadonlyArray<string>
  readonly stopTimeout?: number
}

/** The containers of a service on a server, in the order of their numbers. The service need not be in deploy.yml. */
export const replicasOn = (project: Project, server: ConnectedServer, service: string): ReadonlyArray<Replica> =>
  server.engine.containers
    .filter((container) => container.service === service)
    .flatMap(({ about, address, name, running, stopTimeout }): ReadonlyArray<Replica> => {
      const number = replicaOf(project, { name: service }, { name })
      // Temporary ones of a deploy have other names.
      if (number === undefined || name !== containerName(project, { name: service }, number)) return []
      return [
        {
          number,
          name,
          running,
          ports: about?.ports ?? [],
          ...(address !== undefined && { address }),
          ...(stopTimeout !== undefined && { stopTimeout })
        }
      ]
    })
    .toSorted((a, b) => a.number - b.number)

/** The same in a dry run, which asks no server: what deploy.yml places there. */
export const replicasInFile = (project: Project, server: ConnectedServer, service: string): ReadonlyArray<Replica> =>
  project.services
    .filter(({ hosts, name }) => name === service && hosts.includes(server.name))
    .flatMap((each) =>
      replicaNumbers(each).map((number) => ({
        number,
        name: containerName(project, each, number),
        running: true,
        address: `ADDRESS-${number}`,
        ports: each.ports
      }))
    )

/** How long the requests of a container may take to end if no other replica takes new ones, which wait for 5 s. */
const shortDrain = Duration.seconds(2)

const done = { start: "started", stop: "stopped", restart: "restarted" } as const

/** Starts, stops or restarts the containers of a service on a server, one after another. */
export const make = <const Action extends "start" | "stop" | "restart">(action: Action) =>
  Step.make(
    action,
    Effect.fnUntraced(function* (state: {
      readonly project: Project
      readonly server: ConnectedServer
      readonly service: string
    }) {
      const { project, server } = state
      const { publish } = yield* Events
      const docker = yield* Docker
      const service = project.services.find(({ name }) => name === state.service)
      const list = (yield* IsDryRun) ? replicasInFile : replicasOn
      const replicas = list(project, server, state.service)
      const gaps: Array<number> = []
      let hasChanged = false
      for (const { address, name, number, ports, stopTimeout } of replicas) {
        // Each runs again when the next one is restarted.
        const other = replicas.find((each) => each.number !== number && each.running)?.address
        const upstream = service && address && upstreamOf(project, service, number, address)
        const isAlone = action === "restart" && other === undefined
        const { gap, outcome } = yield* docker.control(server, {
          engine: server.engine.name,
          project: project.name,
          service: state.service,
          name,
          action,
          runningFor: service?.health.runningFor ?? Duration.seconds(1),
          timeout: service?.health.timeout ?? Duration.seconds(60),
          ports,
          ...(stopTimeout !== undefined && { stopTimeout }),
          ...(upstream && {
            upstream: {
              ...upstream,
              drain: isAlone ? Duration.min(upstream.drain, shortDrain) : upstream.drain,
              address: other ?? ""
            }
          })
        })
        if (outcome === "unchanged" || outcome === "absent") continue
        hasChanged = true
        if (gap !== undefined) gaps.push(gap)
        const did = action === "stop" ? "stopped" : gap === undefined ? "started" : "restarted"
        const answers = isAlone && gap !== undefined ? `; it did not answer for ${gap} s` : ""
        yield* publish({ _tag: "StepNoted", level: "info", text: `${did} ${name}${answers}` })
      }
      const controlled: Controlled = {
        service: state.service,
        server: server.name,
        outcome: hasChanged ? done[action] : "unchanged",
        containers: replicas.map(({ name }) => name),
        ...(gaps.length > 0 && { gap: Math.max(...gaps) })
      }
      if (hasChanged) return { controlled }
      return Step.skip(action === "stop" ? "already stopped" : "already running", { controlled })
    }),
    // Starting and stopping look at what runs. A second restart would interrupt requests again.
    { result: Schema.Struct({ controlled: Controlled }), reuse: () => action === "restart" }
  )
