import { type Environment, logging, noteUnread } from "./container.ts"
import { type Draft, freeName, toName, type Value, type Values, values } from "./Draft.ts"
import { canBeSecret, looksSecret, secretFor, withoutSecrets } from "./sensitive.ts"
import { makeNotes, type Notes, readYaml, type Source, sourceOf } from "./Source.ts"
import { commandWords } from "./words.ts"

const reasons: Readonly<Record<string, string>> = {
  networks: "each project has a network of its own, on which services find each other by name",
  network_mode: "each project has a network of its own",
  container_name: "jiji names containers PROJECT-SERVICE",
  healthcheck: "jiji uses the HEALTHCHECK of the image; or set `health.path` of a service behind the proxy",
  env_file: "put secrets into .env, and other values under `environment.clear`",
  secrets: "name a secret under `files`, with its `target`",
  configs: "name a file of the project under `files`",
  profiles: "deploy some services with -S",
  expose: "containers of a project reach every port of each other",
  develop: "it is for development",
  stdin_open: "it is for development",
  tty: "it is for development",
  links: "services find each other by name",
  dns: "add it to `engine_options`, as `docker run` has it",
  dns_search: "add it to `engine_options`, as `docker run` has it",
  external: "jiji makes volumes and networks of its own; copy the data into the new volume yourself",
  driver: "jiji uses the engine's default driver",
  hostname: "other services find it by the service's name; or add it to `engine_options`",
  platform: "set `arch` of the servers, or `build.platforms`",
  pull_policy: "jiji pulls an image if its digest has changed",
  security_opt: "add it to `engine_options`, as `docker run` has it",
  sysctls: "add it to `engine_options`, as `docker run` has it"
}

/** The entry of a list `NAME=VALUE`. */
const pairOf = (text: string): readonly [string, string] => {
  const at = text.indexOf("=")
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)]
}

/** Replaces `${NAME:-default}` and `$$`. Undefined if a variable has no default. */
const interpolate = (text: string): string | undefined => {
  let isWhole = true
  const result = text.replaceAll(
    /\$(?:\$|\{(\w+)(?:(:?[-?+])([^}]*))?\}|(\w+))/gu,
    (all, braced: string | undefined, operator: string | undefined, otherwise: string | undefined) => {
      if (all === "$$") return "$"
      if (braced !== undefined && operator?.endsWith("-") === true) return otherwise ?? ""
      isWhole = false
      return all
    }
  )
  return isWhole ? result : undefined
}

const environment = (source: Source | undefined, notes: Notes): Environment => {
  const clear: Record<string, string> = {}
  const secrets: Array<string> = []
  const pairs =
    source?.isMap === true
      ? source.keys.map((key) => [key, source.get(key)?.text] as const)
      : (source?.texts() ?? []).map((text) => {
          const at = text.indexOf("=")
          return at < 0 ? ([text, undefined] as const) : ([text.slice(0, at), text.slice(at + 1)] as const)
        })
  for (const [name, text] of pairs) {
    const value = text === undefined ? undefined : interpolate(text)
    // A secret of development is not that of production either.
    if (value !== undefined && looksSecret(name, value)) secrets.push(...secretFor(name, source?.path ?? "", notes))
    else if (value !== undefined) clear[name] = value
    else if (canBeSecret(name)) secrets.push(name)
    else notes.add(`${source?.path ?? ""}.${name}`, "has no value here; write it under `environment.clear`")
  }
  return { clear, secrets: [...new Set(secrets)] }
}

/** A command as text or as a list of words. */
const wordsIn = (source: Source | undefined): ReadonlyArray<string> | undefined => {
  if (source === undefined) return undefined
  return source.text === undefined ? source.texts() : commandWords(source.text)
}

const build = (source: Source | undefined, notes: Notes): Values | undefined => {
  if (source === undefined) return undefined
  if (source.text !== undefined) return { context: source.text }
  const args = source.get("args")
  return values({
    context: source.get("context")?.text ?? ".",
    dockerfile: source.get("dockerfile")?.text,
    target: source.get("target")?.text,
    args: withoutSecrets(
      args?.isMap === true
        ? args.record()
        : (args?.texts() ?? []).flatMap((text) => {
            if (text.includes("=")) return [pairOf(text)]
            notes.add(`${args?.path ?? ""}.${text}`, "has no value here; write it under `build.args`")
            return []
          }),
      args?.path ?? "",
      "use `build.secrets`, since arguments stay in the image",
      notes
    ),
    platforms: source.get("platforms")?.texts(),
    cache_from: source.get("cache_from")?.texts(),
    no_cache: source.get("no_cache")?.text === "true" ? true : undefined
  })
}

const port = (item: Source, notes: Notes): ReadonlyArray<string> => {
  const short = item.text === undefined ? undefined : interpolate(item.text)
  if (short !== undefined) return [short]
  const target = item.get("target")?.text
  if (target === undefined) {
    notes.add(item.path, "has a variable without a default")
    return []
  }
  const written = item.get("published")?.text
  const published = written === undefined ? undefined : (interpolate(written) ?? written)
  const address = item.get("host_ip")?.text
  const protocol = item.get("protocol")?.text
  item.get("mode")
  const parts = [published === undefined ? undefined : address, published, target].filter((part) => part !== undefined)
  return [`${parts.join(":")}${protocol === undefined || protocol === "tcp" ? "" : `/${protocol}`}`]
}

/** A volume, or a file of the project. */
const mount = (item: Source, notes: Notes): { readonly volumes?: string; readonly files?: string } => {
  const [source = "", target, options] =
    item.text === undefined
      ? [item.get("source")?.text, item.get("target")?.text, item.get("read_only")?.text === "true" ? "ro" : undefined]
      : item.text.split(":")
  if (item.text === undefined && item.get("type")?.text === "tmpfs") {
    notes.add(item.path, "use `tmpfs`")
    return {}
  }
  if (target === undefined) {
    notes.add(item.path, "is a volume without a name; give it one")
    return {}
  }
  if (!/^[.~$]/u.test(source))
    return { volumes: [source, target, ...(options === undefined ? [] : [options])].join(":") }
  if (options === "ro" && source.startsWith("./") && /\.[A-Za-z0-9]+$/u.test(source))
    return { files: `${source.slice(2)}:${target}` }
  notes.add(
    item.path,
    "mounts a folder of this machine, which servers do not have; build it into the image, or use a named volume"
  )
  return {}
}

/** Host names with addresses, as a list or a map. */
const hostsIn = (source: Source | undefined): ReadonlyArray<string> | undefined =>
  source?.isMap === true ? source.record().map(([name, address]) => `${name}:${address}`) : source?.texts()

const ulimitsIn = (source: Source | undefined): Values | undefined => {
  if (source === undefined) return undefined
  return values(
    Object.fromEntries(
      source.keys.map((key) => {
        const limit = source.get(key)
        const [both, soft, hard] = [limit?.text, limit?.get("soft")?.text, limit?.get("hard")?.text]
        return [key, both === undefined ? values({ soft: numberOf(soft), hard: numberOf(hard) }) : numberOf(both)]
      })
    )
  )
}

const numberOf = (text: string | undefined): Value | undefined =>
  text === undefined || !/^-?\d+$/u.test(text) ? text : Number(text)

const restart = (text: string | undefined): string | undefined =>
  text === undefined || text === "unless-stopped" ? undefined : text

const service = (source: Source, name: (service: string) => string, notes: Notes): Values => {
  const mounts = (source.get("volumes")?.items() ?? []).map((item) => mount(item, notes))
  const deploy = source.get("deploy")
  const limits = deploy?.get("resources")?.get("limits")
  const { clear, secrets } = environment(source.get("environment"), notes)
  const built = build(source.get("build"), notes)
  const image = source.get("image")?.text
  const interpolated = image === undefined ? undefined : interpolate(image)
  if (built !== undefined && image !== undefined)
    notes.add(`${source.path}.image`, "jiji names the images that it builds")
  const dependsOn = source.get("depends_on")
  const count = deploy?.get("replicas")?.text
  const replicas = count === undefined ? undefined : interpolate(count)
  if (count !== undefined && !/^\d+$/u.test(replicas ?? ""))
    notes.add(`${source.path}.deploy.replicas`, "is not a number; write it under `replicas`")
  // Compose's labels of a service, and those of its containers.
  const labels = source.get("labels")
  return values({
    build: built,
    image: built === undefined ? (interpolated ?? image) : undefined,
    environment: values({ clear, secrets }),
    ports: (source.get("ports")?.items() ?? []).flatMap((item) => port(item, notes)),
    volumes: mounts.flatMap(({ volumes = [] }) => volumes),
    files: mounts.flatMap(({ files = [] }) => files),
    command: wordsIn(source.get("command")),
    entrypoint: wordsIn(source.get("entrypoint")),
    depends_on: (dependsOn?.isMap === true
      ? dependsOn.keys.map((key) => {
          if (dependsOn.get(key)?.get("condition")?.text === "service_completed_successfully")
            notes.add(`${dependsOn.path}.${key}`, "jiji does not wait for a container to end; use `release.command`")
          return key
        })
      : dependsOn?.texts()
    )?.map(name),
    labels:
      labels?.isMap === true
        ? Object.fromEntries(labels.record())
        : Object.fromEntries((labels?.texts() ?? []).map(pairOf)),
    logging: logging(source.get("logging")),
    memory: limits?.get("memory")?.text ?? source.get("mem_limit")?.text,
    cpus: limits?.get("cpus")?.text ?? source.get("cpus")?.text,
    replicas: replicas === undefined || !/^\d+$/u.test(replicas) ? undefined : Number(replicas),
    restart: restart(source.get("restart")?.text),
    user: source.get("user")?.text,
    working_dir: source.get("working_dir")?.text,
    init: source.get("init")?.text === "true" ? true : undefined,
    read_only: source.get("read_only")?.text === "true" ? true : undefined,
    tmpfs: source.get("tmpfs")?.texts(),
    shm_size: source.get("shm_size")?.text,
    cap_add: source.get("cap_add")?.texts(),
    cap_drop: source.get("cap_drop")?.texts(),
    devices: source.get("devices")?.texts(),
    extra_hosts: hostsIn(source.get("extra_hosts")),
    ulimits: ulimitsIn(source.get("ulimits")),
    stop_timeout: source.get("stop_grace_period")?.text,
    stop_signal: source.get("stop_signal")?.text,
    engine_options: source.get("privileged")?.text === "true" ? ["--privileged"] : undefined
  })
}

/** Translates a compose file. Its services have no `hosts` yet. Returns a message if it is not valid YAML. */
export const translateCompose = (text: string): Draft | { readonly fault: string } => {
  const notes = makeNotes()
  const read = readYaml(text)
  if ("fault" in read) return read
  const root = sourceOf(read.value)
  const all = root.get("services")
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const key of all?.keys ?? []) {
    const name = freeName(toName(key, "service"), taken)
    taken.add(name)
    names.set(key, name)
  }
  const nameOf = (key: string) => names.get(key) ?? key
  const services: Record<string, Value> = {}
  for (const [key, name] of names) {
    const source = all?.get(key)
    if (source === undefined) continue
    const keys = service(source, nameOf, notes)
    if (keys["build"] === undefined && keys["image"] === undefined)
      notes.add(`services.${key}`, "has neither build nor image")
    else services[name] = keys
  }
  const project = root.get("name")?.text
  // Of a named volume or a network without settings, nothing is lost: each project has its own.
  for (const list of ["volumes", "networks"]) for (const key of root.get(list)?.keys ?? []) root.get(list)?.get(key)
  root.get("version")
  noteUnread(root, notes, reasons)
  return {
    deploy: values({ project: project === undefined ? undefined : toName(project, "app"), services }),
    notes: notes.all()
  }
}
