import type { Duration, Effect, Option } from "effect"
import type { Project, Server } from "../config/Project.ts"
import type { Forward } from "../layers/ssh/Ssh.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import { rolloutOf } from "./rollout.ts"
import * as Step from "../pipeline/Step.ts"
import * as Strategy from "../pipeline/Strategy.ts"
import * as Build from "./Build.ts"
import * as Connect from "./Connect.ts"
import * as Deploy from "./Deploy.ts"
import * as Lock from "./Lock.ts"
import * as Login from "./Login.ts"
import * as Network from "./Network.ts"
import * as Plan from "./Plan.ts"
import * as Proxy from "./Proxy.ts"
import * as ProxyImage from "./ProxyImage.ts"
import * as Pull from "./Pull.ts"
import * as Push from "./Push.ts"
import * as Release from "./Release.ts"
import * as Releases from "./Releases.ts"
import * as ResolveSecrets from "./ResolveSecrets.ts"
import * as Route from "./Route.ts"
import * as Serve from "./ServeRegistry.ts"
import * as Tunnel from "./Tunnel.ts"
import * as Version from "./Version.ts"

/** What a deploy begins with. */
export interface DeployInput {
  readonly project: Project
  /** The version that was asked for. */
  readonly requestedVersion?: string
  /** Whether it is of all that deploy.yml names, so that any other container of the project is one too many. */
  readonly isFullDeploy?: boolean
  /** Finds the commit that is deployed, for people who ask later. Only asked if a container changes. */
  readonly commit?: Effect.Effect<Option.Option<string>>
  /** Whether services that deploy.yml does not place on a server are removed afterwards, so that nobody has to be warned. */
  readonly removeOrphans?: boolean
  /** How long to wait for the project's lock if somebody holds it. By default, the deploy fails at once. */
  readonly waitForLock?: Duration.Duration
}

const known = Pipeline.make<DeployInput>("deploy").pipe(
  Pipeline.step(ResolveSecrets.step),
  Pipeline.step(Version.step),
  Pipeline.step(Login.step)
)
type Known = Pipeline.StateOf<typeof known>

/** Builds the image of every service that has one, and gives it to the registry. */
const images = Pipeline.make<Known, "images">("images").pipe(
  Pipeline.forEach({
    name: "services",
    as: "service",
    items: ({ project }: Known) => project.services.filter(Build.isBuilt),
    key: (service) => service.name,
    strategy: Strategy.parallel({ concurrency: 4, onFailure: "stop" }),
    body: Pipeline.make<Known & { readonly service: Build.BuiltService }>("image").pipe(
      Pipeline.step(Build.step),
      Pipeline.step(Push.step)
    ),
    collect: { as: "images", value: ({ pushed }) => pushed }
  })
)

/** Connects to all servers, and finds what runs there. */
const connectAll = <const Name extends string>(name: Name) =>
  Pipeline.make<Known, Name>(name).pipe(
    Pipeline.forEach({
      name: "servers",
      as: "server",
      items: ({ project }: Known) => project.servers,
      key: (server) => server.name,
      body: Pipeline.make<Known & { readonly server: Server }>("connection").pipe(Pipeline.step(Connect.step)),
      collect: { as: "connected", value: ({ connected }) => connected }
    })
  )

/** Opens the connections, so that they are there when the images are. */
const connections = connectAll("connections")

const noProxy = "no service uses the proxy"

const skipProxyImage = ({ project }: Known) =>
  project.services.some(({ proxy }) => proxy !== undefined) ? undefined : noProxy

/** Reads the servers again, because those who held the lock may have changed them. */
const refresh = connectAll("refresh")

const prepared = known.pipe(
  Pipeline.parallel(images, connections, Lock.step),
  Pipeline.when({
    if: ({ hasWaitedForLock }: { readonly hasWaitedForLock: boolean }) => hasWaitedForLock,
    quiet: true,
    reason: "nobody else held the lock",
    body: refresh
  }),
  Pipeline.step(ProxyImage.step.pipe(Step.skipWhen(skipProxyImage, { quiet: true }))),
  Pipeline.step(Serve.step),
  Pipeline.when({
    if: ({ project }: Known) => project.services.some(({ release }) => release !== undefined),
    quiet: true,
    reason: "no service has a release command",
    body: Releases.step
  })
)
type Prepared = Pipeline.StateOf<typeof prepared>
type OnServer = Prepared & { readonly server: Connect.ConnectedServer }
type OfService = OnServer & {
  readonly work: Plan.Work
  readonly network?: Network.Network
  readonly tunnel?: Forward
}

/** Whether the project has, or had, anything in the proxy of a server. */
const usesProxy = ({ server }: OnServer): boolean => server.proxyState !== undefined

const skipProxy = (state: OnServer) => (usesProxy(state) ? undefined : noProxy)

/** One service on one server. */
const service = Pipeline.make<OfService>("service").pipe(
  Pipeline.step(Pull.step),
  Pipeline.when({ if: Release.isNeeded, quiet: true, reason: "it has no release command", body: Release.step }),
  Pipeline.step(Deploy.step)
)

/** All services of one server. */
const onServer = Pipeline.make<OnServer>("server").pipe(
  Pipeline.step(Plan.step),
  Pipeline.step(Network.step),
  Pipeline.step(Tunnel.step),
  Pipeline.step(Proxy.step.pipe(Step.skipWhen(skipProxy, { quiet: true }))),
  Pipeline.forEach({
    name: "services",
    as: "work",
    items: (state: OnServer & { readonly plan: ReadonlyArray<Plan.Planned> }) =>
      Releases.releasesFirst(state.releases, state.server.name, Plan.workOf(state)),
    key: ({ service }) => service.name,
    // Keys of services that are not deployed here are ignored.
    after: ({ service }, { releases, server }) => [
      ...(service.dependsOn ?? []),
      ...Releases.waitsOf(releases, server.name, service.name)
    ],
    waitBefore: "release",
    // Others wait for its release, also if it never gets to it.
    ended: ({ service }, { releases, server }) => Releases.endReleases(releases, server.name, service.name),
    body: service
  }),
  Pipeline.when({ if: usesProxy, quiet: true, reason: noProxy, body: Route.step })
)

/**
 * What `jiji deploy` runs: secrets and version first, then the images are built while the servers are connected to and
 * locked, then on each server: plan, network, tunnel, the proxy, pull by digest, run the release command, replace the container, and
 * route requests to it.
 */
export const deploy = prepared.pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Prepared) => connected,
    key: (server) => server.name,
    strategy: ({ project }: Prepared) => rolloutOf(project),
    // The same, if the server never gets to its services.
    ended: (server, { releases }) => Releases.endReleases(releases, server.name),
    body: onServer
  })
)
