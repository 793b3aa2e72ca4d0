import { Duration, Effect, Schema } from "effect"
import type { HealthRequest } from "../../../config/Project.ts"
import { defineScript } from "../../processes/Script.ts"
import files from "../files.sh" with { type: "text" }
import lock from "../lock.sh" with { type: "text" }
import own from "../own.sh" with { type: "text" }
import secrets from "../secrets.sh" with { type: "text" }
import { provenPolicy } from "../inspect.ts"
import { simulatedDigest } from "../simulated.ts"
import { withFolder } from "../files.ts"
import text from "./replace.sh" with { type: "text" }

const args = {
  engine: Schema.Literals(["docker", "podman"]),
  /** The container's name. */
  name: Schema.NonEmptyString,
  project: Schema.NonEmptyString,
  service: Schema.NonEmptyString,
  /** The image's digest, for comparison with the label of the running container. */
  digest: Schema.String,
  /**
   * Start `beside` the old container; after a `trial` without ports; or after a `stop` of the old one, whose data it shares.
   * Or `remove` the container, whose requests go to another replica. Or `start`, `halt` or `restart` it as it is.
   */
  strategy: Schema.Literals(["beside", "trial", "stop", "remove", "start", "halt", "restart"]),
  /** The seconds that a container without a health check must run. */
  settle: Schema.FiniteFromString,
  /** The seconds that a container may take to be healthy. */
  limit: Schema.FiniteFromString,
  /** The image to run. */
  image: Schema.String,
  /** The id of that image, as it was pulled. */
  id: Schema.String,
  /** The restart policy in deploy.yml; empty for the default. The container's label `jiji.restart` has it, too. */
  restart: Schema.String,
  /** The seconds that the old container gets to stop; empty for its own. */
  stop_timeout: Schema.String,
  /**
   * The name of the folder for the container's files, which come on stdin: a line for each, in base64. Words that mount
   * them name this folder, and the script completes its path. Empty if there are none.
   */
  mounts: Schema.String,
  /** The permissions of the files, with spaces between them. */
  modes: Schema.String,
  /** How many words, from the first, a trial container is created without: its ports, and its place in the network. */
  exclusive: Schema.FiniteFromString,
  /** The container of the proxy. Empty if the service is not behind it, and so are the rest. */
  proxy: Schema.String,
  /** The file in the proxy's container that has the address of the container that serves. */
  upstream: Schema.String,
  /**
   * The address of the new container, in the project's network; to `remove` or `restart` one, of the replica that takes its
   * requests.
   */
  address: Schema.String,
  /** The port of the container that the proxy sends requests to. */
  port: Schema.String,
  /** The seconds that the requests of the old container may take to end. */
  drain: Schema.String,
  /** What to ask for to see whether the new container is healthy. If empty, it only has to accept a connection. */
  path: Schema.String,
  /** The host to ask for. */
  host: Schema.String,
  /** The statuses of healthy answers, as `200-399`. */
  status: Schema.String,
  /** The seconds between two checks. */
  interval: Schema.String
}

/** What `replace.sh` needs to know of a service behind the proxy. */
export interface Upstream {
  /** The container of the proxy. */
  readonly proxy: string
  readonly file: string
  readonly address: string
  readonly port: number
  readonly drain: Duration.Duration
  readonly host: string
  readonly check?: HealthRequest
}

/** Arguments of a service behind the proxy. */
export const upstreamArgs = (upstream: Upstream | undefined) => ({
  proxy: upstream?.proxy ?? "",
  upstream: upstream?.file ?? "",
  address: upstream?.address ?? "",
  port: upstream === undefined ? "" : `${upstream.port}`,
  drain: upstream === undefined ? "" : `${Math.ceil(Duration.toSeconds(upstream.drain))}`,
  path: upstream?.check?.path ?? "",
  host: upstream?.host ?? "",
  status: upstream?.check === undefined ? "" : `${upstream.check.status.from}-${upstream.check.status.to}`,
  interval: upstream === undefined ? "" : `${Duration.toSeconds(upstream.check?.interval ?? Duration.seconds(1))}`
})

type Values = Schema.Struct<typeof args>["Type"]

/** What happened to a container. */
export interface Replaced {
  readonly outcome: "started" | "unchanged" | "removed"
  /** The container's id. If it was removed, `nothing` if there was none. */
  readonly id: string
  /** The seconds in which nothing answered. Absent if the old container kept running until the new one was healthy. */
  readonly gap?: number
}

/** What a person would type. `replaces` says whether there is an old container. */
const byHand = (
  values: Values,
  given: ReadonlyArray<string>,
  replaces: boolean
): ReadonlyArray<ReadonlyArray<string>> => {
  const { address, engine, exclusive, mounts, name, path, port, proxy, restart, stop_timeout, strategy, upstream } =
    values
  const words = withFolder(given, mounts, name)
  const inProxy = (...command: ReadonlyArray<string>) => (proxy === "" ? [] : [[engine, "exec", proxy, ...command]])
  const move = inProxy(
    "sh",
    "-c",
    `mkdir -p ${upstream.slice(0, upstream.lastIndexOf("/"))} && echo ${address}:${port} > ${upstream}.next && mv ${upstream}.next ${upstream}`
  )
  if (strategy === "start" || strategy === "restart") return [[engine, strategy, name]]
  if (strategy === "halt") return [[engine, "stop", name]]
  if (strategy === "remove") return [...move, [engine, "stop", name], [engine, "rm", name]]
  const next = `${name}-next`
  const trial = `${name}-trial`
  const policies = (...changes: ReadonlyArray<string>) =>
    engine === "podman" ? [] : [[engine, "update", "--restart", ...changes]]
  const create = (as: string, policy: string, given: ReadonlyArray<string>) => [
    engine,
    "create",
    "--name",
    as,
    "--restart",
    policy,
    ...given
  ]
  const proven = provenPolicy(engine, restart)
  const start = create(next, engine === "podman" ? proven : "no", words)
  const ready = [
    ...(path === "" ? [] : inProxy("wget", "-qO-", `http://${address}:${port}${path}`)),
    ...policies(proven, next, ...(replaces && strategy !== "beside" && proven === "unless-stopped" ? [name] : [])),
    ...move
  ]
  const rename = [engine, "rename", next, name]
  if (!replaces) return [start, [engine, "start", next], ...ready, rename]
  const stop = [engine, "stop", ...(stop_timeout === "" ? [] : ["-t", stop_timeout]), name]
  const remove = [engine, "rm", name]
  if (strategy === "beside") return [start, [engine, "start", next], ...ready, stop, remove, rename]
  const tried = [
    create(trial, "no", words.slice(exclusive)),
    [engine, "start", trial],
    [engine, "rm", "--force", trial]
  ]
  return [
    ...(strategy === "trial" ? tried : []),
    start,
    ...policies("always", name),
    stop,
    [engine, "start", next],
    ...ready,
    remove,
    rename
  ]
}

/** What happened, the container's id, and the seconds in which nothing answered. */
const result = /^(started|unchanged|removed) (\S+?)(?: (\d+\.\d+))?$/m

/** Decodes what the script prints to stdout if it succeeds. */
export const parseReplaced = (stdout: string): Effect.Effect<Replaced, string> => {
  const [, outcome, id, gap] = result.exec(stdout) ?? []
  if (id === undefined) return Effect.fail(stdout)
  // The pattern only matches these three.
  return Effect.succeed({ outcome: outcome as Replaced["outcome"], id, ...(gap !== undefined && { gap: Number(gap) }) })
}

/**
 * Replaces a service's container. The words are those of `create`. JIJI_NAMES lists the secrets of the container, and
 * JIJI_SECRET_0 and so on hold their values. JIJI_CONFIG and JIJI_PARTS are hashes of its configuration, for its labels:
 * they include secrets, and every user of the server can read a command line. JIJI_RUN says who deploys, to
 * those who wait; JIJI_RUN_ID and JIJI_BY do in labels. JIJI_LABELS has more labels, one a line.
 */
const script = defineScript({
  name: "replace",
  text: `${own}${lock}${files}${secrets}${text}`,
  args,
  answer: parseReplaced,
  usual: ({ image, name, strategy }) => {
    const did = strategy === "remove" ? "removed" : strategy === "halt" ? "stopped" : "started"
    return `${did} ${simulatedDigest(`${name} ${image}`).slice(7, 19)}`
  }
})

export const replace = {
  ...script,
  command: (values: Values, words: ReadonlyArray<string>, replaces: boolean) => ({
    ...script.command(values, words),
    byHand: byHand(values, words, replaces)
  })
}
