import type { Value } from "./Draft.ts"
import type { Notes, Source } from "./Source.ts"

/** Keys of deploy.yml for options of `docker run`, with one value or with several. */
const single: Readonly<Record<string, string>> = {
  memory: "memory",
  cpus: "cpus",
  user: "user",
  "shm-size": "shm_size",
  restart: "restart",
  gpus: "gpus",
  workdir: "working_dir",
  "stop-signal": "stop_signal"
}
const several: Readonly<Record<string, string>> = {
  "cap-add": "cap_add",
  "cap-drop": "cap_drop",
  device: "devices",
  tmpfs: "tmpfs",
  "add-host": "extra_hosts",
  publish: "ports",
  volume: "volumes"
}

/** Options of `docker run`, by name, as keys of a service. */
export const runOptions = (options: Source | undefined): Readonly<Record<string, Value>> => {
  const found: Record<string, Value> = {}
  const engineOptions: Array<string> = []
  for (const name of options?.keys ?? []) {
    const texts = options?.get(name)?.texts() ?? []
    const [first = ""] = texts
    const [one, many] = [single[name], several[name]]
    if (name === "init" || name === "read-only") {
      if (first !== "false") found[name.replace("-", "_")] = true
    } else if (name === "stop-timeout") found["stop_timeout"] = `${first}s`
    else if (name === "ulimit") found["ulimits"] = Object.fromEntries(texts.map(ulimit))
    else if (one !== undefined) found[one] = first
    else if (many !== undefined) found[many] = texts
    else
      engineOptions.push(
        ...(texts.length === 0 || first === "true" ? [`--${name}`] : texts.map((text) => `--${name}=${text}`))
      )
  }
  return engineOptions.length === 0 ? found : { ...found, engine_options: engineOptions }
}

/** `nofile=1024:65536`. */
const ulimit = (text: string): readonly [string, Value] => {
  const [name = "", limits = ""] = text.split("=")
  const [soft = "", hard] = limits.split(":")
  return [name, hard === undefined ? Number(soft) : { soft: Number(soft), hard: Number(hard) }]
}

/** The variables of a container. */
export interface Environment {
  readonly clear: Readonly<Record<string, string>>
  readonly secrets: ReadonlyArray<string>
}

/** Variables of one name: the later ones win, and a name is either clear or secret. */
export const mergeEnvironments = (environments: ReadonlyArray<Environment>): Environment =>
  environments.reduce(
    (merged, { clear, secrets }) => ({
      clear: {
        ...Object.fromEntries(Object.entries(merged.clear).filter(([name]) => !secrets.includes(name))),
        ...clear
      },
      secrets: [...new Set([...merged.secrets.filter((name) => !Object.hasOwn(clear, name)), ...secrets])]
    }),
    { clear: {}, secrets: [] }
  )

/** A log driver and its options. */
export const logging = (source: Source | undefined): Value | undefined => {
  if (source === undefined) return undefined
  const driver = source.get("driver")?.text
  const options = Object.fromEntries(source.get("options")?.record() ?? [])
  return { ...(driver !== undefined && { driver }), ...(Object.keys(options).length > 0 && { options }) }
}

/** Notes everything that was not read. `reasons` say more about some keys. */
export const noteUnread = (source: Source, notes: Notes, reasons: Readonly<Record<string, string>>): void => {
  for (const path of source.unread()) {
    // The last part, or the whole path, of a key: `proxy.ssl_redirect`, `asset_path`.
    const key = path.split(".").at(-1) ?? path
    const reason = reasons[path] ?? reasons[key]
    if (!key.startsWith("x-")) notes.add(path, reason ?? "deploy.yml has no key for it")
  }
}
