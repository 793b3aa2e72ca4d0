import { describe, expect } from "bun:test"
import { Duration, Effect, Layer } from "effect"
import { CurrentRun, Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { Docker } from "../../src/layers/docker/Docker.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { ServerProxy } from "../../src/layers/proxy/ServerProxy.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Route from "../../src/steps/Route.ts"
import { proxySites } from "../../src/steps/proxySites.ts"
import { it } from "../support/effect.ts"
import { project, server, service } from "./rehearsal.ts"

const shop = project({
  services: [
    service("web", ["web1"], {
      proxy: {
        hosts: ["shop.test"],
        port: 3000,
        path: "/",
        strip: false,
        tls: { _tag: "Off" },
        responseTimeout: Duration.seconds(60)
      }
    })
  ]
})

/** The container that serves, started by a run. */
const container = (run: string): InspectedContainer => ({
  id: "1",
  name: "shop-web",
  imageId: "sha256:1d",
  running: true,
  healthy: true,
  service: "web",
  digest: "",
  config: "",
  parts: "",
  version: "v1",
  address: "172.18.0.7",
  run
})

/** Routes in the run `now`. The proxy has the right sites, and another address. Returns what is written to it. */
const route = (startedBy: string) =>
  Effect.gen(function* () {
    const written: Array<unknown> = []
    const docker = Layer.mock(Docker, { containers: () => Effect.succeed([container(startedBy)]) })
    const proxy = Layer.mock(ServerProxy, {
      apply: (_server, { up }) => Effect.sync(() => (written.push([...(up ?? [])]), "same" as const))
    })
    const none = { sites: [], gone: [], up: new Map([["web-1", "172.18.0.3:3000"]]), hash: "" }
    const sites = proxySites({ project: shop }, "web1", none)
    const proxyState = { ...none, sites: sites === undefined ? [] : [sites] }
    const engine = { name: "docker", version: "20", architecture: "amd64", containers: [] } as const
    const state = { project: shop, server: { ...server("web1"), engine }, secrets: new Map(), proxyState }
    const result = yield* Route.step
      .run(state)
      .pipe(
        Effect.provideService(CurrentRun, "now"),
        Effect.provide(Layer.mergeAll(docker, proxy, Events.layer.pipe(Layer.provide(Scrubber.layer)))),
        Effect.scoped
      )
    return { written, isSkipped: Step.isSkipped(result) }
  })

describe("the step that routes requests", () => {
  it.effect("leaves the proxy alone if this run started the container, because its script told the proxy", () =>
    Effect.gen(function* () {
      expect(yield* route("now")).toEqual({ written: [], isSkipped: true })
    })
  )

  it.effect("tells the proxy about a container of another run", () =>
    Effect.gen(function* () {
      expect(yield* route("before")).toEqual({ written: [[["web-1", "172.18.0.7:3000"]]], isSkipped: false })
    })
  )
})
