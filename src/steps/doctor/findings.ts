import type { Engine } from "../../config/Project.ts"
import { NamesUnresolved } from "../../layers/docker/NetworkError.ts"
import { type ClientReason, clientReasons } from "../../layers/docker/clientReasons.ts"
import type { ServerEngine } from "../../layers/docker/Docker.ts"
import type { MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { type Check, thisMachine, checksFor } from "./Check.ts"

const MB = 1_000_000
const GB = 1000 * MB

/** The oldest versions known to work. */
const oldest: Readonly<Record<Engine, readonly [major: number, minor: number]>> = { docker: [20, 10], podman: [4, 3] }

const isOlder = (version: string, [major, minor]: readonly [number, number]): boolean => {
  const [a = 0, b = 0] = version.split(".").map((part) => Number.parseInt(part, 10))
  return a < major || (a === major && b < minor)
}

/** `1.2 GB`, `41 GB`, `180 MB`. */
const size = (bytes: number): string => {
  const [value, unit] = bytes < 0.995 * GB ? [bytes / MB, "MB"] : [bytes / GB, "GB"]
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

const slower = "Until then, deploys work but take longer."

/** What helps if jiji cannot use docker's API. Not for what somebody has chosen, such as another host or context. */
const apiRemedy = (machine: string, reason: ClientReason): string | undefined => {
  switch (reason) {
    case "forwarding":
      return `Set \`AllowStreamLocalForwarding yes\` and \`AllowTcpForwarding yes\` in /etc/ssh/sshd_config on ${machine}, without \`PermitOpen\` and \`DisableForwarding\`, and reload sshd. A key with \`restrict\` in authorized_keys also needs \`port-forwarding\`. ${slower}`
    case "socket":
    case "permission":
      return `Let the user on ${machine} use docker's socket, or set DOCKER_HOST there to one that the user may use. ${slower}`
    case "answer":
    case "podman":
      return `Check what listens on docker's socket on ${machine}. ${slower}`
    case "old":
      return `Update docker on ${machine}. ${slower}`
    case "new":
      return `Update jiji. ${slower}`
    case "host":
    case "context":
    case "trust":
    case "platform":
      return undefined
  }
}

/** Checks whether a machine's engine is running and new enough, and for a server whether jiji can use its API. */
export const engine = (
  machine: string,
  { engine, engineError }: MachineFacts,
  wanted: Engine,
  { api, apiUnusable }: Pick<ServerEngine, "api" | "apiUnusable"> = {}
): Check => {
  const { failed, ok, warning } = checksFor(machine)
  if (engineError !== undefined) return failed("engine", engineError)
  const { name = wanted, version = "" } = engine ?? {}
  const found = `${name} ${version}`
  if (isOlder(version, oldest[name])) {
    const least = `${name} ${oldest[name].join(".")}`
    return warning("engine", `${found} is older than ${least}`, `Update it: jiji is tested with ${least} and later.`)
  }
  const named = api === undefined ? found : `${found} (API ${api})`
  const text = name === wanted ? named : `${named}, because ${wanted} is not installed`
  if (apiUnusable === undefined) return ok("engine", text)
  const reasoned = `${text}, by its client: ${clientReasons[apiUnusable]}`
  const remedy = apiRemedy(machine, apiUnusable)
  return remedy === undefined ? ok("engine", reasoned) : warning("engine", reasoned, remedy)
}

/** Checks whether the containers of a server can find each other by name. Says nothing if they can. */
export const names = (machine: string, { lacksForNames: lacks }: MachineFacts): ReadonlyArray<Check> =>
  lacks === undefined
    ? []
    : [checksFor(machine).failed("names", new NamesUnresolved({ server: machine, engine: "podman", lacks }))]

/** Checks the free space for images. */
export const disk = (machine: string, { disk, engine }: MachineFacts): ReadonlyArray<Check> => {
  const { ok, skipped, warning } = checksFor(machine)
  if (disk === undefined) {
    const reason = engine === undefined ? "the engine is not running" : "the engine stores its images elsewhere"
    return skipped(reason, "disk")
  }
  const text = `${size(disk.free)} free in ${disk.folder}`
  const name = engine?.name ?? "docker"
  const place = machine === thisMachine ? "here" : `on ${machine}`
  const remedy = `Free space ${place}; \`${name} system df\` shows what the engine uses, \`${name} image prune\` removes unused images.`
  if (disk.free < 200 * MB) return [checksFor(machine).failed("disk", { message: text, remedy })]
  return [disk.free < 2 * GB ? warning("disk", text, remedy) : ok("disk", text)]
}

/** Checks how far a server's clock is off. */
export const clock = (machine: string, { ahead }: MachineFacts): Check => {
  const seconds = Math.abs(ahead) / 1000
  const apart = `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const { ok, warning } = checksFor(machine)
  if (seconds <= 30) return ok("clock", `${apart} off`)
  return warning(
    "clock",
    `${apart} ${ahead > 0 ? "ahead of" : "behind"} this machine's`,
    "Synchronise both with a time server (`timedatectl set-ntp true`): tokens and certificates fail with a wrong clock."
  )
}

/** Checks whether images are built for a server's processor: the one in deploy.yml, or else that of the builder. */
export const processor = (
  machine: string,
  found: string,
  said: string | undefined,
  own: string | undefined,
  builder = thisMachine
): Check => {
  const { failed, ok } = checksFor(machine)
  const built = said ?? own
  if (built === undefined || built === found) return ok("processor", found)
  const message =
    said === undefined
      ? `it is ${found}, but images are built for ${builder}'s ${built}`
      : `it is ${found}, but deploy.yml says ${built}`
  return failed("processor", {
    message,
    remedy: `Set \`arch: ${found}\` for ${machine} in deploy.yml to build the image for it.`
  })
}
