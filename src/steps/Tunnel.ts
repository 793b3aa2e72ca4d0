import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import type { Served } from "../layers/registry/LocalRegistry.ts"
import { type Forward, Ssh } from "../layers/ssh/Ssh.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { type Planned, workOf } from "./Plan.ts"
import type { PushedImage } from "./Push.ts"

/** Opens a tunnel from a server's loopback to the local registry, until the pipeline ends. */
export const step = Step.make(
  "tunnel",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly images: ReadonlyArray<PushedImage>
    readonly plan: ReadonlyArray<Planned>
    readonly served?: Served
    readonly proxyImage?: PushedImage
  }) {
    const { project, server, served } = state
    const none: { readonly tunnel?: Forward } = {}
    if (served === undefined || project.registry.type === "remote") {
      return Step.skip("servers reach the registry without a tunnel", none)
    }
    const { proxyImage } = state
    const pullsProxy =
      proxyImage !== undefined &&
      server.proxyState !== undefined &&
      server.proxyState.container?.digest !== proxyImage.digest
    const pulls =
      pullsProxy || workOf(state).some(({ image, planned }) => image !== undefined && planned._tag !== "Keep")
    if (!pulls) return Step.skip("there is nothing to pull", none)
    const { port } = project.registry
    const events = yield* Events
    const tunnel = yield* (yield* Ssh).forward(server, { port, to: served.socket ?? served.port })
    if (tunnel.port !== port) {
      const text = `port ${port} is taken on ${server.name}; using port ${tunnel.port}`
      yield* events.publish({ _tag: "StepNoted", level: "info", text })
    }
    return { tunnel }
  })
)
