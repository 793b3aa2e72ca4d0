import { Duration, Schema } from "effect"
import { child, entries, items, type Located, written } from "./Located.ts"
import { duration } from "./duration.ts"
import { engineOptionFault } from "./engineOptions.ts"
import { checkedText, scalar, text } from "./fields.ts"
import { checkFiles, targetIn } from "./mountedFiles.ts"
import { type KeyPath, showPath } from "./Problem.ts"
import { suggest } from "./suggest.ts"
import { parseVolume } from "./volumes.ts"

const optional = Schema.optionalKey

/** The key's values are these texts, one per line in deploy.yml. */
const list = (
  fault: (value: string) => string | undefined,
  item: { description: string; example: string },
  docs: string
) =>
  optional(
    Schema.Array(checkedText(fault, { description: item.description, examples: [item.example] })).annotate({
      description: docs
    })
  )

const matches =
  (pattern: RegExp, problem: string) =>
  (value: string): string | undefined =>
    pattern.test(value) ? undefined : problem

const sizePattern = /^(\d+(?:\.\d+)?)(?:([bkmgt])b?)?$/iu

/** Returns a number of bytes for `512m` or `2g`, or undefined if it is not a size. Engines count in powers of 1024. */
const bytesOf = (size: string): number | undefined => {
  const [, amount, unit = "b"] = sizePattern.exec(size) ?? []
  return amount === undefined ? undefined : Number(amount) * 1024 ** "bkmgt".indexOf(unit.toLowerCase())
}

const size = (minimum: number, least: string, description: string, example: string) =>
  optional(
    checkedText(
      (value) => {
        const bytes = bytesOf(value)
        if (bytes === undefined) return `must be a size such as 512m or 2g, not "${value}"`
        return bytes < minimum ? `must be at least ${least}` : undefined
      },
      { description, examples: [example] }
    )
  )

const flag = (description: string) => optional(Schema.Boolean.annotate({ expected: "true or false", description }))

// capabilities(7), without CAP_.
const capabilities = (
  "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER " +
  "FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE " +
  "NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE " +
  "SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM ALL"
).split(" ")

const capability = (value: string): string => value.toUpperCase().replace(/^CAP_/u, "")

const capabilityFault = (value: string): string | undefined => {
  if (capabilities.includes(capability(value))) return undefined
  const near = suggest(capability(value), capabilities)
  return near === undefined
    ? `must be a capability of Linux such as NET_ADMIN, or ALL, not "${value}"`
    : `${value} is not a capability; did you mean \`${near}\`?`
}

// signal(7), without SIG.
const signals =
  /^(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CONT|FPE|HUP|ILL|INT|IO|KILL|PIPE|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(?:\+\d{1,2})?|RTMAX(?:-\d{1,2})?)$|^(?:[1-9]|[1-5]\d|6[0-4])$/u

// The limits of setrlimit(2) that both engines know.
const limits = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
  " "
)

const limit = (description: string) => Schema.Int.check(Schema.isGreaterThanOrEqualTo(-1)).annotate({ description })
const bothLimits = Schema.Struct({
  soft: limit("Limit that holds. A process can raise it up to the hard limit."),
  hard: limit("Limit that only root can raise.")
})

const limitName = text(`the name of a limit (${limits.join(", ")})`, new RegExp(`^(?:${limits.join("|")})$`, "u"))

/** The greatest number for `gpus`: each becomes a word with podman. */
const maxGpus = 64

const addressPattern = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|host-gateway)$/u

const extraHostFault = (value: string): string | undefined => {
  const [, , address = ""] = /^([^:=\s]+)[:=](.+)$/u.exec(value) ?? []
  if (address === "") return `must be a name and an address such as db.internal:10.0.0.5, not "${value}"`
  const valid =
    addressPattern.test(address) && address.split(".").every((part) => !/^\d+$/u.test(part) || Number(part) < 256)
  return valid ? undefined : `must have an IP address or host-gateway after the name; ${address} is neither`
}

const words = (description: string) =>
  optional(
    Schema.Array(scalar())
      .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
      .annotate({ description })
  )

/** The keys of a service that are settings of its container. */
export const containerFields = {
  memory: size(
    6 * 1024 ** 2,
    "6m, which is the least that the engines accept",
    "Most memory that the container may use. Beyond it, the kernel kills a process of the container.",
    "512m"
  ),
  cpus: optional(
    checkedText(
      (value) =>
        /^\d+(\.\d+)?$/u.test(value) && Number(value) >= 0.01
          ? undefined
          : `must be a number of processors such as 1.5, not "${value}"`,
      { description: "How many processors the container may use at most.", examples: ["1.5"] }
    )
  ),
  restart: optional(
    text(
      "unless-stopped, always, on-failure, on-failure:N or no",
      /^(?:unless-stopped|always|no|on-failure(?::[1-9]\d{0,5})?)$/u,
      {
        description:
          "When the engine restarts the container: unless-stopped, always, on-failure (on-failure:5 gives up after 5 attempts) or no. Only unless-stopped and always start it after a reboot.",
        examples: ["on-failure:5"],
        default: "unless-stopped"
      }
    )
  ),
  labels: optional(
    Schema.Record(
      text(
        "a label's name without spaces and =, such as com.example.team; names that begin with jiji. belong to jiji",
        /^(?!jiji\.)[^\s=]+$/u
      ),
      scalar()
    ).annotate({ description: "Labels of the container." })
  ),
  user: optional(
    checkedText(
      matches(
        /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*\$?)?$/u,
        "must be a user, or a user and a group, such as app, 1000 or 1000:1000"
      ),
      {
        description: "User to run as instead of the image's: user[:group], by name or number.",
        examples: ["1000:1000"]
      }
    )
  ),
  entrypoint: words(
    "Entry point to run instead of the image's, as a list of words. The image's own command is then not used; `command` follows these words."
  ),
  working_dir: optional(
    checkedText(matches(/^\/\S*$/u, "must be an absolute path in the container, such as /app"), {
      description: "Folder in the container to start in, instead of the image's.",
      examples: ["/app"]
    })
  ),
  init: flag(
    "Run a small init process as process 1. It passes signals on and removes zombies. Podman needs catatonit on the server."
  ),
  read_only: flag(
    "Mount the container's own file system read-only. Podman still makes /run, /tmp and /var/tmp writable."
  ),
  tmpfs: list(
    matches(
      /^\/[^:\s]*(?::[A-Za-z0-9=,.%_-]+)?$/u,
      "must be an absolute path in the container, with options after a colon if needed, such as /run:size=64m"
    ),
    { description: "path in the container[:options]", example: "/run:size=64m" },
    "Folders in the container that are kept in memory."
  ),
  shm_size: size(1, "1 byte", "Size of /dev/shm. Default: 64m.", "256m"),
  ulimits: optional(
    Schema.Record(
      limitName,
      Schema.Union([limit("Both limits."), bothLimits]).annotate({
        expected: "a whole number, or a map with soft and hard; -1 is unlimited"
      })
    ).annotate({
      description:
        "Limits for processes in the container, such as `nofile: 65536` or `nofile: { soft: 1024, hard: 65536 }`."
    })
  ),
  cap_add: list(
    capabilityFault,
    { description: "capability of Linux", example: "NET_ADMIN" },
    "Capabilities to add to the engine's default ones."
  ),
  cap_drop: list(
    capabilityFault,
    { description: "capability of Linux", example: "ALL" },
    "Capabilities to remove from the engine's default ones."
  ),
  devices: list(
    matches(
      /^\/[^:\s]+(?::\/[^:\s]+)?(?::[rwm]{1,3})?$|^[A-Za-z0-9.-]+\/[A-Za-z0-9._-]+=[^\s=]+$/u,
      "must be a device such as /dev/ttyUSB0 or /dev/snd:/dev/snd:rw, or the CDI name of one such as vendor.com/device=all"
    ),
    { description: "device on the server[:path in the container[:rwm]], or a CDI name", example: "/dev/ttyUSB0" },
    "Devices of the server that the container may use."
  ),
  gpus: optional(
    checkedText(
      (value) =>
        value === "all" || (/^[1-9]\d?$/u.test(value) && Number(value) <= maxGpus)
          ? undefined
          : `must be all, or a number of GPUs from 1 to ${maxGpus}, not "${value}"`,
      {
        description:
          "NVIDIA GPUs that the container may use: all, or how many. The server needs the NVIDIA Container Toolkit; podman also needs its CDI specification.",
        examples: ["all"]
      }
    )
  ),
  extra_hosts: list(
    extraHostFault,
    { description: "name:address", example: "db.internal:10.0.0.5" },
    "Names for the container's /etc/hosts. The address host-gateway is the server."
  ),
  logging: optional(
    Schema.Struct({
      driver: optional(
        text("the name of a log driver such as json-file or journald", /^[a-z0-9][a-z0-9._/:-]*$/u, {
          description: "The engine's driver for logs. Default: the engine's own.",
          examples: ["json-file"]
        })
      ),
      options: optional(
        Schema.Record(text("an option's name such as max-size", /^[a-z0-9][a-z0-9._-]*$/u), scalar()).annotate({
          description: "Options of the driver, such as `max-size: 10m`."
        })
      )
    }).annotate({ description: "Where the container's log goes." })
  ),
  stop_timeout: optional(
    duration(0, {
      description:
        "How long the container may take to stop before the engine kills it. A deploy waits that long for the old container. Whole seconds.",
      default: "10s",
      examples: ["10s"]
    })
  ),
  stop_signal: optional(
    checkedText(matches(signals, "must be a signal such as SIGTERM, QUIT or 15"), {
      description: "Signal that asks the container to stop. Default: the image's, then SIGTERM.",
      examples: ["SIGQUIT"]
    })
  ),
  engine_options: list(
    engineOptionFault,
    { description: "option of the create command of docker or podman", example: "--cpuset-cpus=0,1" },
    "Options for which jiji has no key. jiji passes them on as they are, after its own. One word each."
  )
}

const ContainerKeys = Schema.Struct(containerFields)
type ContainerKeys = typeof ContainerKeys.Type

/** The settings of a container that deploy.yml contains, by their names there. Absent ones are the image's or the engine's. */
export interface ContainerSettings extends Omit<ContainerKeys, "stop_timeout" | "ulimits"> {
  readonly ulimits?: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>
  /** In seconds. */
  readonly stop_timeout?: number
}

/** What deploy.yml allows, for settings that come from somewhere else. */
export const Settings = Schema.Struct({
  ...containerFields,
  stop_timeout: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  ulimits: optional(Schema.Record(limitName, bothLimits))
})

/** The names of {@link ContainerSettings}, in the order of the documentation. */
export const settingNames = Object.keys(containerFields)

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)

/** Returns the container's settings in a service, or undefined if there are none. */
export const containerSettings = (service: ContainerKeys): ContainerSettings | undefined => {
  const { cap_add, cap_drop, extra_hosts, stop_timeout, ulimits, ...rest } = service
  const named = Object.fromEntries(Object.entries(rest).filter(([name]) => settingNames.includes(name)))
  const all: ContainerSettings = {
    ...named,
    ...(cap_add && { cap_add: cap_add.map(capability) }),
    ...(cap_drop && { cap_drop: cap_drop.map(capability) }),
    // docker 20.10 accepts only a colon.
    ...(extra_hosts && { extra_hosts: extra_hosts.map((host) => host.replace(/[:=]/u, ":")) }),
    ...(stop_timeout && { stop_timeout: Math.ceil(Duration.toSeconds(stop_timeout)) }),
    ...(ulimits && {
      ulimits: Object.fromEntries(
        Object.entries(ulimits).map(([name, both]) => [
          name,
          typeof both === "number" ? { soft: both, hard: both } : { soft: both.soft, hard: both.hard }
        ])
      )
    })
  }
  const set = Object.entries(all).filter(([, value]) => !isEmpty(value))
  return set.length === 0 ? undefined : Object.fromEntries(set)
}

/** The keys whose values are kept as written: `1.10` and `0755` are texts there. `path` begins below the service. */
export const keepsContainerText = ([key, inner, last]: KeyPath): boolean =>
  key === "entrypoint" ||
  key === "labels" ||
  key === "user" ||
  key === "extra_hosts" ||
  (key === "logging" && inner === "options") ||
  (key === "files" && last === "mode")

type Report = (path: KeyPath, message: string) => void

/** Checks that involve several keys of a service. */
export const checkContainer = (service: Located, path: KeyPath, report: Report) => {
  for (const [name, both] of entries(child(service, "ulimits"))) {
    const [soft, hard] = [child(both, "soft"), child(both, "hard")].map((value) => Number(written(value) ?? Number.NaN))
    const [most, least] = [hard, soft].map((value) => (value === -1 ? Infinity : (value ?? Number.NaN)))
    if ((least ?? 0) > (most ?? 0))
      report([...path, "ulimits", name], "must have a soft limit that is not above its hard limit")
  }
  const added = new Set(items(child(service, "cap_add")).map((item) => capability(written(item) ?? "")))
  for (const [index, item] of items(child(service, "cap_drop")).entries()) {
    const dropped = capability(written(item) ?? "")
    if (dropped !== "ALL" && added.has(dropped)) {
      report([...path, "cap_drop", index], `${dropped} is also under cap_add; remove one of them`)
    }
  }
  checkFiles(service, path, report)
  checkMounts(service, path, report)
}

/** Reports two keys that mount something at the same path. */
const checkMounts = (service: Located, path: KeyPath, report: Report) => {
  const seen = new Map<string, KeyPath>()
  const add = (target: string | undefined, at: KeyPath) => {
    if (target === undefined || target === "") return
    const place = target.replace(/(?!^)\/+$/u, "")
    const other = seen.get(place)
    // Two volumes are reported with the volumes.
    if (other !== undefined && !(other[0] === "volumes" && at[0] === "volumes")) {
      report([...path, ...at], `mounts at ${place}, where ${showPath(other)} already does`)
    }
    seen.set(place, other ?? at)
  }
  for (const [index, item] of items(child(service, "volumes")).entries()) {
    const mount = parseVolume(written(item) ?? "")
    if (typeof mount !== "string") add(mount.target, ["volumes", index])
  }
  for (const [index, item] of items(child(service, "tmpfs")).entries()) {
    add(written(item)?.split(":")[0], ["tmpfs", index])
  }
  for (const [index, item] of items(child(service, "files")).entries()) add(targetIn(item), ["files", index])
}
