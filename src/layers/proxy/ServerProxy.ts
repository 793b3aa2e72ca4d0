import { Context, Effect, Layer, Option, Redacted, Result, Schema } from "effect"
import type { Engine, Server } from "../../config/Project.ts"
import { lastLines } from "../../core/lines.ts"
import { answerLimit } from "../docker/limits.ts"
import { type EngineError, EngineUnclear, parseEngineError } from "../docker/DockerError.ts"
import type { Command } from "../processes/Command.ts"
import { remote } from "../shell/Machine.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"
import { apply } from "./apply/apply.ts"
import { certificates } from "./certificates/certificates.ts"
import { caddyJson } from "./caddyConfig.ts"
import { ensure } from "./ensure/ensure.ts"
import { ports } from "./ports/ports.ts"
import { ownSites } from "./ownSites/ownSites.ts"
import { emptyHash, read } from "./read/read.ts"
import * as Resolver from "./Resolver.ts"
import {
  ProxyBusy,
  ProxyForeign,
  ProxyImageUnfit,
  ProxyNotStarted,
  ProxyPortTaken,
  ProxyRefused,
  ProxyRootless,
  ProxySitesUnreadable,
  ProxyStopped
} from "./ProxyError.ts"
import { type CertificatePair, certificateName, ProjectSites, type Site } from "./sites.ts"

/** A server's proxy, and what it serves. */
export interface ProxyState {
  /** Absent if there is none. */
  readonly container?: {
    readonly running: boolean
    /** What the deploy.yml that started it calls its image. */
    readonly image: string
    /** Present if jiji shipped the image. */
    readonly digest?: string
  }
  readonly sites: ReadonlyArray<ProjectSites>
  /** The sites of other projects that have no container behind the proxy any more. They are removed with the next change. */
  readonly gone: ReadonlyArray<ProjectSites>
  /** Where the project's replicas run: addresses with ports, by names such as `web-1`. */
  readonly up: ReadonlyMap<string, string>
  /** Differs if the sites differ. */
  readonly hash: string
}

interface On {
  readonly engine: Engine
  readonly project: string
}

export interface EnsureOptions extends On {
  /** The image on the server. */
  readonly reference: string
  /** What deploy.yml calls it. */
  readonly label: string
  /** Its digest if jiji shipped it. */
  readonly digest?: string
  /** Ports that the proxy does not serve yet. */
  readonly ports: ReadonlyArray<number>
}

export interface ApplyOptions extends On {
  /** What the new sites are based on. */
  readonly before: ProxyState
  /** The project's sites; undefined to remove them. */
  readonly sites: ProjectSites | undefined
  /** All projects' sites. */
  readonly all: ReadonlyArray<ProjectSites>
  readonly certificates: ReadonlyArray<Redacted.Redacted<CertificatePair>>
  /** Where replicas run, by names such as `web-1`, if that must be written. */
  readonly up?: ReadonlyMap<string, string>
}

type Refusal = EngineError | ShellError | ProxyBusy | ProxyStopped

/** The proxy of a server: a container `jiji-proxy`, which all projects share. */
export class ServerProxy extends Context.Service<
  ServerProxy,
  {
    /** Reads what a server's proxy serves. */
    read(server: Server, on: On): Effect.Effect<ProxyState, Refusal | ProxyForeign | ProxySitesUnreadable>
    /**
     * Reads what it serves of one project, without an error if there is no proxy. Faster than `read`, and needs only the engine
     * that deploy.yml names.
     */
    ownSites(server: Server, on: On): Effect.Effect<ReadonlyArray<Site>, EngineError | ShellError>
    /** Makes sure that the proxy runs with an image. A running one with another image serves until its successor does. */
    ensure(
      server: Server,
      options: EnsureOptions
    ): Effect.Effect<
      "running" | "started" | "updated",
      Refusal | ProxyForeign | ProxyImageUnfit | ProxyNotStarted | ProxyPortTaken | ProxyRootless
    >
    /** Lets Caddy check the configuration for new sites. */
    check(server: Server, options: ApplyOptions): Effect.Effect<"checked" | "changed", Refusal | ProxyRefused>
    /** Replaces a project's sites. Returns `changed`, and does nothing, if other sites have changed meanwhile. */
    apply(server: Server, options: ApplyOptions): Effect.Effect<"same" | "reloaded" | "changed", Refusal | ProxyRefused>
    /** Finds the addresses of a host name, from this machine. */
    readonly resolve: Resolver.Resolver
    /** Finds what listens on ports of a server. */
    holders(
      server: Server,
      engine: Engine,
      ports: ReadonlyArray<number>
    ): Effect.Effect<ReadonlyArray<{ readonly port: number; readonly by: string }>, EngineError | ShellError>
    /** Reads the certificates of a proxy that runs, as PEM: those that it got, and those of a project. */
    certificates(server: Server, on: On): Effect.Effect<ReadonlyArray<string>, EngineError | ShellError>
  }
>()("jiji/layers/proxy/ServerProxy") {
  static readonly layer = Layer.suspend(() => ServerProxy.layerWith(Resolver.live))
  /** The same with another resolver, because a rehearsal asks nobody. */
  static readonly layerWith = (resolve: Resolver.Resolver) => make(resolve)
}

const make = (resolve: Resolver.Resolver) =>
  Layer.effect(
    ServerProxy,
    Effect.map(Shell, (shell) => {
      const run = Effect.fnUntraced(function* (server: Server, engine: Engine, operation: string, command: Command) {
        const output = yield* shell.run(remote(server), {
          ...command,
          limit: { ...answerLimit(engine, operation), after: "3 minutes" }
        })
        if (output.exitCode !== 0) return yield* parseEngineError({ machine: server.name, engine, operation }, output)
        return output.stdout
      })
      const unclear = (server: Server, engine: Engine, operation: string) => (reason: unknown) =>
        new EngineUnclear({ machine: server.name, engine, operation, reason })

      const write = Effect.fnUntraced(function* (server: Server, mode: "check" | "apply", options: ApplyOptions) {
        const { engine } = options
        const operation = mode === "check" ? "check the proxy's configuration" : "configure the proxy"
        const command = {
          ...apply.command({ engine, expected: options.before.hash, mode }),
          stdin: Redacted.make(payload(options))
        }
        const stdout = yield* run(server, engine, operation, command)
        const applied = yield* Effect.mapError(apply.answer(stdout), unclear(server, engine, operation))
        if (applied._tag === "Busy") return yield* new ProxyBusy({ server: server.name })
        if (applied._tag === "Absent") return yield* new ProxyStopped({ server: server.name, engine })
        if (applied._tag === "Invalid") {
          return yield* new ProxyRefused({ server: server.name, log: caddyErrors(applied.log) })
        }
        return applied._tag
      })

      return ServerProxy.of({
        read: Effect.fnUntraced(function* (server, { engine, project }) {
          const operation = "read what the proxy serves"
          const stdout = yield* run(server, engine, operation, read.command({ engine, project }))
          const found = yield* Effect.mapError(read.answer(stdout), unclear(server, engine, operation))
          if (found._tag === "Foreign") return yield* new ProxyForeign({ server: server.name, engine })
          if (found._tag === "None") return { sites: [], gone: [], up: new Map<string, string>(), hash: emptyHash }
          const sites = yield* Effect.forEach(found.sites, ({ json, project: name }) =>
            Effect.mapError(
              Effect.fromResult(decodeSites(name, json)),
              (reason) => new ProxySitesUnreadable({ server: server.name, engine, project: name, reason })
            )
          )
          const { digest, gone, hash, image, running, up } = found
          return {
            container: { running, image, ...(digest !== undefined && { digest }) },
            sites: sites.filter(({ project: name }) => !gone.includes(name)),
            gone: sites.filter(({ project: name }) => gone.includes(name)),
            up: new Map(up.map(({ address, name }) => [name, address])),
            hash
          }
        }),

        ownSites: Effect.fnUntraced(function* (server, on) {
          const stdout = yield* run(server, on.engine, "read what the proxy serves", ownSites.command(on))
          const sites = yield* ownSites.answer(stdout)
          return Option.match(sites, {
            onNone: (): ReadonlyArray<Site> => [],
            onSome: (found) => (found.project === on.project ? found.sites : [])
          })
        }),

        ensure: Effect.fnUntraced(function* (server, options) {
          const { digest = "-", engine, label, ports, reference } = options
          const operation = "run the proxy"
          const initial = caddyJson([])
          const command = ensure.command({ engine, reference, label, pulled: digest, ports: ports.join(" "), initial })
          const stdout = yield* run(server, engine, operation, { ...command, show: "stderr" })
          const ensured = yield* Effect.mapError(ensure.answer(stdout), unclear(server, engine, operation))
          const about = { server: server.name }
          switch (ensured._tag) {
            case "Running":
              return "running"
            case "Started":
              return "started"
            case "Updated":
              return "updated"
            case "Busy":
              return yield* new ProxyBusy(about)
            case "Foreign":
              return yield* new ProxyForeign({ ...about, engine })
            case "Rootless":
              return yield* new ProxyRootless({ ...about, engine })
            case "Taken":
              return yield* new ProxyPortTaken({ ...about, port: ensured.port, by: ensured.by })
            case "Unfit":
              return yield* new ProxyImageUnfit({ ...about, image: label, reason: ensured.reason })
            case "Failed":
              return yield* new ProxyNotStarted({ ...about, keepsOld: ensured.keepsOld, log: caddyErrors(ensured.log) })
          }
        }),

        check: Effect.fnUntraced(function* (server, options) {
          return (yield* write(server, "check", options)) === "Changed" ? "changed" : "checked"
        }),

        holders: Effect.fnUntraced(function* (server, engine, numbers) {
          const command = ports.command({ engine, ports: numbers.join(" ") })
          return yield* ports.answer(yield* run(server, engine, "find what listens on ports", command))
        }),

        certificates: Effect.fnUntraced(function* (server, on) {
          const stdout = yield* run(server, on.engine, "read the proxy's certificates", certificates.command(on))
          return yield* certificates.answer(stdout)
        }),

        apply: Effect.fnUntraced(function* (server, options) {
          const did = yield* write(server, "apply", options)
          if (did === "Changed") return "changed"
          return did === "Reloaded" ? "reloaded" : "same"
        }),

        resolve
      })
    })
  )

const decodeSitesJson = Schema.decodeUnknownResult(Schema.fromJsonString(ProjectSites))
const decodeVersion = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ version: Schema.Finite })))

/** Decodes a project's file, which must be of that project. */
const decodeSites = (project: string, json: string): Result.Result<ProjectSites, string> => {
  const version = decodeVersion(json)
  if (version._tag === "Some" && version.value.version !== 1) {
    return Result.fail(`it has version ${version.value.version}`)
  }
  const decoded = Result.mapError(decodeSitesJson(json), () => "it is not as jiji writes it")
  return Result.flatMap(decoded, (sites) =>
    sites.project === project ? Result.succeed(sites) : Result.fail(`it is of the project ${sites.project}`)
  )
}

const file = (path: string, text: string): ReadonlyArray<string> => [
  `file ${path}`,
  ...text
    .trimEnd()
    .split("\n")
    .map((line) => ` ${line.replace(/\r$/u, "")}`)
]

/** What `apply.sh` reads: words with a value, and files, of which each line begins with a space. */
const payload = (options: ApplyOptions): string => {
  const { all, before, certificates: pairs, project, sites, up = new Map<string, string>() } = options
  return [
    `project ${project}`,
    ...before.gone.map((gone) => `gone ${gone.project}`),
    ...file("caddy.json", caddyJson(all)),
    ...(sites === undefined ? [] : file(`sites/${project}.json`, JSON.stringify(sites))),
    ...pairs.flatMap((hidden) => {
      const pair = Redacted.value(hidden)
      const name = certificateName(pair)
      return [...file(`certs/${name}.crt`, pair.certificate), ...file(`certs/${name}.key`, pair.key)]
    }),
    ...(sites?.sites ?? []).flatMap(({ replicas, service, tls }) => [
      ...(typeof tls === "object" ? [`certificate ${tls.certificate}`] : []),
      ...Array.from({ length: replicas }, (_, index) => `served ${service}-${index + 1}`)
    ]),
    ...[...up].flatMap(([name, address]) => file(`up/${name}`, address)),
    ""
  ].join("\n")
}

/** The errors among what Caddy printed, as people read them. */
const caddyErrors = (log: string): string => {
  const errors = log.split("\n").filter((line) => line.startsWith("Error:"))
  return errors.length > 0 ? errors.join("\n") : lastLines(log)
}
