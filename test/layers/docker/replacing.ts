import { Effect } from "effect"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { replace, type Upstream, upstreamArgs } from "../../../src/layers/docker/replace/replace.ts"
import * as FakeEngine from "./FakeEngine.ts"

export interface Options {
  /** Default: `shop-web`. */
  readonly name?: string
  /** Who deploys. */
  readonly run?: string
  readonly how?: "beside" | "trial" | "stop" | "remove"
  readonly upstream?: Upstream
  /** The fixed address of the new container. */
  readonly ip?: string
  readonly settle?: number
  readonly limit?: number
  /** The restart policy in deploy.yml. */
  readonly restart?: string
  readonly stopTimeout?: string
  /** The name of the folder for files, which `stdin` holds. */
  readonly files?: string
  readonly modes?: string
  readonly stdin?: string
  readonly digest?: string
  readonly config?: string
  readonly id?: string
  readonly ports?: ReadonlyArray<string>
  readonly words?: ReadonlyArray<string>
  readonly secrets?: Readonly<Record<string, string>>
}

export const old = { labels: { project: "shop", service: "web", digest: "sha256:d1", config: "c1" } }
export const same = { labels: { ...old.labels, digest: "sha256:d2", config: "c2" } }

/** The labels of the container that the script creates. */
export const labels = "--label jiji.project=shop --label jiji.service=web --label jiji.digest=sha256:d2"

/** The shells that the script must work in. */
export const shells = ["sh", "busybox sh"]

/** Runs the script in a shell. */
export const replacing = (shell: string) => {
  const start = (engine: FakeEngine.FakeEngine, options: Options = {}) => {
    const { digest = "sha256:d2", config = "c2", ip, ports = [], secrets = {} } = options
    const exclusive = ip === undefined ? ports : [...ports, "--ip", ip]
    const values = Object.values(secrets).map((value, index) => [`JIJI_SECRET_${index}`, value])
    const labels = { project: "shop", service: "web", digest }
    engine.set("stdin", options.stdin ?? "")
    return engine.start(
      shell,
      `exec <"${engine.dir}/state/stdin"\n${replace.text}`,
      argumentsOf(
        replace.command(
          {
            engine: engine.engine,
            name: options.name ?? "shop-web",
            project: "shop",
            service: "web",
            digest,
            strategy: options.how ?? "beside",
            settle: options.settle ?? 2,
            limit: options.limit ?? 30,
            image: "shop-web:v2",
            id: options.id ?? "sha256:new",
            restart: options.restart ?? "",
            mounts: options.files ?? "",
            modes: options.modes ?? "",
            stop_timeout: options.stopTimeout ?? "",
            exclusive: exclusive.length,
            ...upstreamArgs(options.upstream)
          },
          [
            ...exclusive,
            ...Object.entries(labels).flatMap(([key, value]) => ["--label", `jiji.${key}=${value}`]),
            ...(options.restart === undefined ? [] : ["--label", `jiji.restart=${options.restart}`]),
            ...(options.words ?? ["shop-web:v2"])
          ],
          true
        )
      ),
      {
        JIJI_NAMES: Object.keys(secrets).join(" "),
        JIJI_CONFIG: config,
        JIJI_PARTS: `{"parts":"${config}"}`,
        ...(options.run !== undefined && { JIJI_RUN: options.run }),
        ...Object.fromEntries(values)
      }
    )
  }
  const run = (engine: FakeEngine.FakeEngine, options?: Options) =>
    Effect.scoped(Effect.flatMap(start(engine, options), ({ ended }) => ended))

  return { run, start }
}
