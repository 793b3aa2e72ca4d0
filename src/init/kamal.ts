import { secretPattern } from "../config/fields.ts"
import { joinWords } from "../core/text.ts"
import { type Environment, logging, mergeEnvironments, noteUnread, runOptions } from "./container.ts"
import { type Draft, freeName, toName, type Value, type Values, values } from "./Draft.ts"
import { looksSecret, secretFor, withoutSecrets } from "./sensitive.ts"
import { makeNotes, type Notes, readYaml, type Source, sourceOf } from "./Source.ts"
import { commandWords, parseTarget } from "./words.ts"

/** Why some of Kamal's keys have no counterpart. */
const reasons: Readonly<Record<string, string>> = {
  asset_path: "jiji does not merge assets of two versions; serve them from a host or a store of their own",
  error_pages_path: "jiji has no error pages of your own",
  require_destination: "`jiji deploy` without -e deploys deploy.yml",
  minimum_version: "pin jiji's version where you install it",
  hooks_path: "write an entry under `hooks` for each hook (docs/hooks.md)",
  secrets_path: "jiji reads .env and .env.ENVIRONMENT",
  primary_role: "all services are equal",
  allow_empty_roles: "leave out a service without servers",
  run_directory: "jiji keeps no such folder on servers",
  sshkit: "jiji connects to all servers at once",
  key_data: "write the key to a file, and name it under `ssh.keys`",
  proxy_command: "write ProxyCommand into ~/.ssh/config",
  log_level: "ssh.log_level has no counterpart; `ssh -v SERVER` shows the connection",
  pack: "jiji builds with a Dockerfile",
  wait: "write a pipeline that waits between servers",
  tags: "write another service, or an environment's file, for some servers",
  ssl_redirect: "jiji always redirects HTTP to HTTPS",
  traefik: "Kamal 1: use `proxy`",
  healthcheck: "Kamal 1: use `proxy.healthcheck`"
}

const hasErb = (text: string): boolean => text.includes("<%")

/** The variable that ERB such as `<%= ENV["NAME"] %>` or `ENV.fetch("NAME")` reads. */
const erbVariable = (text: string): string | undefined =>
  /^<%=\s*ENV(?:\[|\.fetch\(\s*)["'](\w+)["'].*%>$/u.exec(text.trim())?.[1]

/** The command of ERB such as `<%= %x(aws ecr get-login-password) %>`. */
const erbCommand = (text: string): string | undefined => {
  const [, percent, ticks] = /^<%=\s*(?:%x[([{](.*)[)\]}]|`(.*)`)\s*(?:\.strip)?\s*%>$/u.exec(text.trim()) ?? []
  return percent ?? ticks
}

/** Seconds as Kamal writes them, as a duration of deploy.yml. */
const seconds = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : /^\d+(\.\d+)?$/u.test(text) ? `${text}s` : text

const numberIn = (text: string | undefined): Value | undefined => {
  if (text === undefined) return undefined
  return /^\d+$/u.test(text) ? Number(text) : text
}

/** Bytes as a size of deploy.yml. */
const size = (text: string | undefined): string | undefined => {
  if (text === undefined || !/^\d+$/u.test(text)) return text
  const bytes = Number(text)
  const [unit, length] = (
    [
      ["g", 1024 ** 3],
      ["m", 1024 ** 2],
      ["k", 1024]
    ] as const
  ).find(([, length]) => bytes % length === 0) ?? ["", 1]
  return bytes === 0 ? undefined : `${bytes / length}${unit}`
}

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(texts)]

/** The name of a secret, given as Kamal does: `[NAME]`, or ERB that reads a variable. */
const secretIn = (source: Source | undefined): string | undefined => {
  const [first = ""] = source?.texts() ?? []
  const name = erbVariable(first) ?? first
  return secretPattern.test(name) ? name : undefined
}

const environment = (source: Source | undefined, notes: Notes): Environment => {
  if (source === undefined) return { clear: {}, secrets: [] }
  const hasParts = source.keys.some((key) => key === "clear" || key === "secret" || key === "tags")
  const clear: Record<string, string> = {}
  const secrets: Array<string> = []
  for (const [name, text] of (hasParts ? source.get("clear") : source)?.record() ?? []) {
    if (!hasErb(text) && looksSecret(name, text))
      secrets.push(...secretFor(name, hasParts ? `${source.path}.clear` : source.path, notes))
    else if (!hasErb(text)) clear[name] = text
    else if (erbVariable(text) === name) secrets.push(name)
    else
      notes.add(
        `${source.path}.${name}`,
        "has ERB, but jiji takes values literally: write the value, or make it a secret"
      )
  }
  for (const item of hasParts ? (source.get("secret")?.items() ?? []) : []) {
    const [name = "", other] = (item.text ?? "").split(":")
    secrets.push(name)
    if (other !== undefined)
      notes.add(item.path, `jiji has no aliases of secrets: name the secret ${name} in .env, instead of ${other}`)
  }
  return { clear, secrets: [...new Set(secrets)] }
}

const registry = (source: Source | undefined, image: string, notes: Notes): Value | undefined => {
  const server = source?.get("server")?.text ?? "docker.io"
  if (source === undefined || /^(?:localhost|127\.0\.0\.1)(?::|$)/u.test(server)) return undefined
  const username = secretIn(source.get("username")) ?? source.get("username")?.text
  const passwordText = source.get("password")?.texts()[0] ?? ""
  const command = erbCommand(passwordText)
  // Text that is neither in a list nor ERB is the password itself, even if it looks like a name.
  const isLiteral = source.get("password")?.text !== undefined && !hasErb(passwordText)
  const password = isLiteral ? undefined : command === undefined ? secretIn(source.get("password")) : `$(${command})`
  if (passwordText !== "" && password === undefined) {
    notes.add("registry.password", "is a password, which jiji does not copy: put it into .env as REGISTRY_PASSWORD")
  }
  if (username !== undefined && hasErb(username))
    notes.add("registry.username", "has ERB, which jiji does not run: write the name, or that of a secret")
  const path = (image.startsWith(`${server}/`) ? image.slice(server.length + 1) : image).split("/")
  const owners = path.slice(0, -1)
  const namespace =
    owners.length === 0 || owners[0] === username ? undefined : server === "ghcr.io" ? path.join("/") : owners.join("/")
  return values({
    server,
    namespace,
    username: username !== undefined && hasErb(username) ? undefined : username,
    password: passwordText === "" ? undefined : (password ?? "REGISTRY_PASSWORD")
  })
}

const buildKey = (source: Source | undefined, image: string, notes: Notes): Value => {
  const secrets = source?.get("secrets")?.texts() ?? []
  const arches = source?.get("arch")?.texts() ?? []
  const cache = source?.get("cache")
  const type = cache?.get("type")?.text
  const options = cache?.get("options")?.text
  const reference = cache?.get("image")?.text ?? `${image}-build-cache`
  const base = type === "registry" ? `type=registry,ref=${reference}` : type === undefined ? undefined : `type=${type}`
  const local = source?.get("local")?.text
  if (local === "false" && source?.get("remote") === undefined)
    notes.add("builder.local", "jiji builds on this machine; name another one under `builder.remote`")
  if (source?.get("driver") !== undefined) notes.add("builder.driver", "jiji uses the builder that docker is set to")
  return {
    ...values({
      context: source?.get("context")?.text ?? ".",
      dockerfile: source?.get("dockerfile")?.text,
      target: source?.get("target")?.text,
      args: withoutSecrets(
        source?.get("args")?.record() ?? [],
        "builder.args",
        "use `build.secrets`, since arguments stay in the image",
        notes
      ),
      platforms: arches.length > 1 ? arches.map((arch) => `linux/${arch}`) : undefined,
      secrets,
      ssh: source?.get("ssh") === undefined ? undefined : "default",
      cache_from: base === undefined ? undefined : [base],
      cache_to: base === undefined ? undefined : [options === undefined ? base : `${base},${options}`]
    })
  }
}

const sshKey = (source: Source | undefined, notes: Notes): Values => {
  // jiji offers only the keys that deploy.yml names, and always reads ~/.ssh/config.
  if (source?.get("keys_only")?.text === "true" && source.get("keys") === undefined)
    notes.add("ssh.keys_only", "name the keys under `ssh.keys`: then jiji offers only those")
  const config = source?.get("config")
  if (config !== undefined && config.text !== "true")
    notes.add("ssh.config", `jiji always reads ~/.ssh/config, and no other file`)
  config?.texts()
  return values({
    user: source?.get("user")?.text ?? "root",
    port: numberIn(source?.get("port")?.text),
    keys: source?.get("keys")?.texts(),
    proxy: source?.get("proxy")?.text
  })
}

/** The keys of a service for what Kamal's proxy does, from the most general settings to the most special. */
const proxyKeys = (sources: ReadonlyArray<Source>, deployTimeout: string | undefined, notes: Notes): Values => {
  const get = (key: string): Source | undefined =>
    sources.reduce<Source | undefined>((found, source) => source.get(key) ?? found, undefined)
  const hosts = unique(
    [...(get("host")?.texts() ?? []), ...(get("hosts")?.texts() ?? [])].flatMap((text) => text.split(/\s*,\s*/u))
  )
  const port = numberIn(get("app_port")?.text) ?? 80
  const [path, ...others] = [...(get("path_prefix")?.texts() ?? []), ...(get("path_prefixes")?.texts() ?? [])]
  if (others.length > 0)
    notes.add("proxy.path_prefixes", `a service has one path; ${others.join(", ")} needs another service`)
  const prefix = path === undefined ? undefined : `/${path.replaceAll(/^\/+|\/+$/gu, "")}`
  const ssl = get("ssl")
  const certificate = ssl?.get("certificate_pem")?.text
  const key = ssl?.get("private_key_pem")?.text
  const check = get("healthcheck")
  const strip = get("strip_path_prefix")?.text !== "false" && prefix !== undefined && prefix !== "/"
  const responseTimeout = seconds(get("response_timeout")?.text)
  const maxBody = size(get("buffering")?.get("max_request_body")?.text)
  const health = values({
    path: check?.get("path")?.text ?? "/up",
    interval: seconds(check?.get("interval")?.text),
    timeout: deployTimeout
  })
  if ((certificate === undefined) !== (key === undefined))
    notes.add("proxy.ssl", "a certificate needs both certificate_pem and private_key_pem")
  if (hosts.length === 0) {
    const lost = ["path_prefix", "path_prefixes", "ssl", "healthcheck", "buffering", "response_timeout"].filter(
      (name) => get(name) !== undefined
    )
    const without = lost.length === 0 ? "" : `, without ${joinWords(lost)}`
    // kamal-proxy serves every host name of the server.
    notes.add(
      "proxy",
      `it names no host, so jiji publishes the port${without}; add proxy.hosts to the service for deploys without a gap`
    )
    return values({ ports: [`80:${port}`], health: values({ timeout: deployTimeout }) })
  }
  return values({
    proxy: values({
      hosts,
      port,
      path: prefix,
      strip: strip ? true : undefined,
      tls:
        certificate !== undefined && key !== undefined
          ? { certificate, key }
          : ssl?.text === "true"
            ? undefined
            : "off",
      max_body: maxBody,
      response_timeout: responseTimeout
    }),
    health
  })
}

const listOf = (value: Value | undefined): ReadonlyArray<Value> =>
  Array.isArray(value) ? (value as ReadonlyArray<Value>) : []

/** Two sets of a service's keys, with the items of both in lists such as `ports`. */
const joined = (...all: ReadonlyArray<Readonly<Record<string, Value | undefined>>>): Values => {
  const result: Record<string, Value | undefined> = {}
  for (const keys of all) {
    for (const [key, value] of Object.entries(keys)) {
      const before = listOf(result[key])
      result[key] = Array.isArray(value) && before.length > 0 ? [...new Set([...before, ...listOf(value)])] : value
    }
  }
  return values(result)
}

/** Notes named volumes. Those of Kamal keep their data, but jiji has volumes of its own. */
const noteVolumes = (project: string, key: string, volumes: ReadonlyArray<string>, notes: Notes): void => {
  const names = volumes.flatMap((text) =>
    /^[A-Za-z0-9]/u.test(text) && text.includes(":") ? [text.split(":")[0]] : []
  )
  const [first] = names
  if (first === undefined) return
  notes.add(
    key,
    `${joinWords(names.flatMap((name) => name ?? []))}: jiji makes new volumes, such as ${project}_${first}, which are empty at first: copy the data into them yourself`
  )
}

/** A volume of an accessory: a folder that Kamal makes below the accessory's becomes a named volume. */
const directory = (accessory: string, text: string): string => {
  const [from = "", ...rest] = text.split(":")
  const target = rest.length === 0 ? [from] : rest
  if (rest.length > 0 && from.startsWith("/")) return text
  return [
    `${accessory}-${toName((rest.length === 0 ? from.split("/").at(-1) : from) ?? from, "data")}`,
    ...target
  ].join(":")
}

const accessoryFile = (item: Source, notes: Notes): ReadonlyArray<Value> => {
  const short = item.text ?? [item.get("local")?.text, item.get("remote")?.text].join(":")
  const [local = "", remote = ""] = short.split(":")
  const mode = item.get("mode")?.text
  if (local.endsWith(".erb")) {
    notes.add(item.path, "has ERB; write the file as the container needs it")
    return []
  }
  return [mode === undefined ? `${local}:${remote}` : { path: local, target: remote, mode }]
}

/** Kamal's alias as a command line of jiji. */
const aliasOf = (text: string, service: string): string | undefined => {
  const words = commandWords(text)
  const [first, second, ...rest] = words
  if (first === "deploy" && words.length === 1) return "deploy"
  if (first === "server" && second === "exec")
    return `server exec -- ${words
      .slice(2)
      .filter((word) => !/^-(?:i|-interactive)$/u.test(word))
      .join(" ")}`
  if (first !== "app") return undefined
  let name = service
  const options: Array<string> = []
  const others: Array<string> = []
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? ""
    const [, role] = /^(?:--roles=|-r=?)(.+)$/u.exec(word) ?? []
    if (role !== undefined) name = toName(role, service)
    else if (word === "-r" || word === "--roles") name = toName(rest[++at] ?? "", service)
    else if (/^(?:-i|--interactive|--reuse|-p|--primary)$/u.test(word)) continue
    else if (word.startsWith("-")) options.push(word)
    else others.push(word)
  }
  if (second === "exec" && options.length === 0 && others.length > 0) return `exec ${name} -- ${others.join(" ")}`
  if (second === "logs" && options.every((word) => word === "-f" || word === "--follow"))
    return `logs ${name}${options.length === 0 ? "" : " -f"}`
  if (second === "details" && words.length === 2) return "ps"
  return undefined
}

/** Parses a file of Kamal's, which is ERB before it is YAML. Texts keep their ERB; lines that are nothing else are noted. */
const readKamal = (text: string, notes: Notes): ReturnType<typeof readYaml> => {
  const tags: Array<string> = []
  const lines = text.split("\n").map((line, index) => {
    if (/^\s*<%[^=].*%>\s*$/u.test(line)) {
      if (!/^\s*<%#/u.test(line)) notes.add("", `line ${index + 1} is ERB, which jiji does not run: ${line.trim()}`)
      return ""
    }
    return line
  })
  // ERB may contain characters that end a YAML text.
  const read = readYaml(lines.join("\n").replaceAll(/<%.*?%>/gsu, (tag) => `__ERB${tags.push(tag) - 1}__`))
  const restore = (value: unknown): unknown => {
    if (typeof value === "string") return value.replaceAll(/__ERB(\d+)__/gu, (_, index) => tags[Number(index)] ?? "")
    if (Array.isArray(value)) return value.map(restore)
    return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, restore(inner)])) : value
  }
  return "fault" in read ? read : { value: restore(read.value) }
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The paths of all texts in the draft that still have ERB. */
const erbIn = (value: Value, path = ""): ReadonlyArray<string> => {
  if (typeof value === "string") return hasErb(value) ? [path] : []
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, inner]: readonly [string, Value]) => {
    if (Array.isArray(value)) return erbIn(inner, `${path}[${key}]`)
    return erbIn(inner, path === "" ? key : `${path}.${key}`)
  })
}

/** Kamal merges the file of a destination like this. */
const deepMerge = (base: unknown, above: unknown): unknown => {
  if (!isMap(base) || !isMap(above)) return above
  const merged = Object.entries(above).map(([key, value]) => [
    key,
    Object.hasOwn(base, key) ? deepMerge(base[key], value) : value
  ])
  return { ...base, ...Object.fromEntries(merged) }
}

/**
 * Translates Kamal's `config/deploy.yml`, with a destination's file merged on top if there is one. Returns a message if they
 * are not valid YAML.
 */
export const translateKamal = (text: string, destination?: string): Draft | { readonly fault: string } => {
  const notes = makeNotes()
  const base = readKamal(text, notes)
  if ("fault" in base) return base
  const above = destination === undefined ? { value: {} } : readKamal(destination, notes)
  if ("fault" in above) return above
  const root = sourceOf(deepMerge(isMap(base.value) ? base.value : {}, isMap(above.value) ? above.value : {}))

  const project = toName(root.get("service")?.text ?? "", "app")
  const image = root.get("image")?.text ?? project
  const builder = root.get("builder")
  const arches = builder?.get("arch")?.texts() ?? []
  const build = buildKey(builder, image, notes)

  const servers = new Map<string, Value>()
  const namesByHost = new Map<string, string>()
  /** The name of the server with this address. */
  const serverOf = (address: string, role: string): string => {
    const known = namesByHost.get(address)
    if (known !== undefined) return known
    let number = 1
    while (servers.has(`${role}${number}`)) number++
    const name = `${role}${number}`
    const { host, port, user } = parseTarget(address)
    servers.set(name, values({ host, user, port, arch: arches.length === 1 ? arches[0] : undefined }))
    namesByHost.set(address, name)
    return name
  }

  const services = new Map<string, Values>()
  const hostsOfRole = new Map<string, ReadonlyArray<string>>()
  const [all, deployTimeout, drain, delay, retain] = [
    root.get("env"),
    seconds(root.get("deploy_timeout")?.text),
    seconds(root.get("drain_timeout")?.text),
    seconds(root.get("readiness_delay")?.text),
    numberIn(root.get("retain_containers")?.text)
  ]
  const generalEnvironment = environment(all, notes)
  const [labels, log, volumes, proxy] = [
    root.get("labels")?.record() ?? [],
    logging(root.get("logging")),
    root.get("volumes")?.texts() ?? [],
    root.get("proxy")
  ]

  noteVolumes(project, "volumes", volumes, notes)

  const roles = root.get("servers")
  const named =
    roles === undefined
      ? []
      : roles.isMap
        ? roles.keys.map((name) => [name, roles.get(name)] as const)
        : [["web", roles] as const]
  const primary = root.get("primary_role")?.text ?? named.find(([name]) => name === "web")?.[0] ?? named[0]?.[0]
  for (const [role, source] of named) {
    if (source === undefined) continue
    const settings = source.isMap ? source : undefined
    const addresses = (settings === undefined ? source : settings.get("hosts"))?.items() ?? []
    const name = freeName(toName(role, "web"), services)
    const hosts = unique(
      addresses.flatMap((item) => {
        const [address] = item.text === undefined ? item.keys : [item.text]
        if (item.isMap) {
          item.record()
          notes.add(item.path, "jiji has no tags of servers; use an environment's file or another service")
        }
        return address === undefined || address === "" ? [] : [serverOf(address, name)]
      })
    )
    hostsOfRole.set(role, hosts)
    const own = settings?.get("proxy")
    const isProxied = own?.text === undefined ? own !== undefined || role === primary : own.text === "true"
    const { clear, secrets } = mergeEnvironments([generalEnvironment, environment(settings?.get("env"), notes)])
    const command = settings?.get("cmd")?.text
    const http = isProxied
      ? proxyKeys(
          [...(proxy === undefined ? [] : [proxy]), ...(own?.isMap === true ? [own] : [])],
          deployTimeout,
          notes
        )
      : values({ health: values({ timeout: deployTimeout }) })
    const isBehindProxy = http["proxy"] !== undefined
    const keys = joined(
      {
        build,
        hosts,
        command: command === undefined ? undefined : commandWords(command),
        environment: values({ clear, secrets }),
        volumes,
        labels: Object.fromEntries([...labels, ...(settings?.get("labels")?.record() ?? [])]),
        logging: logging(settings?.get("logging")) ?? log,
        retain,
        drain: isBehindProxy ? drain : undefined,
        stop_timeout: isBehindProxy ? undefined : drain
      },
      http,
      runOptions(settings?.get("options"))
    )
    const health = values({ ...(keys["health"] as Values | undefined), running_for: isBehindProxy ? undefined : delay })
    if (hosts.length > 0) services.set(name, values({ ...keys, health }))
    else notes.add(`servers.${role}`, "has no server")
  }

  const accessories = root.get("accessories")
  for (const accessory of accessories?.keys ?? []) {
    const source = accessories?.get(accessory)
    if (source === undefined) continue
    const name = freeName(toName(accessory, "accessory"), services)
    const ofRoles = [...(source.get("role")?.texts() ?? []), ...(source.get("roles")?.texts() ?? [])].flatMap(
      (role) => hostsOfRole.get(role) ?? []
    )
    const addresses = [...(source.get("host")?.texts() ?? []), ...(source.get("hosts")?.texts() ?? [])]
    const hosts = unique([...ofRoles, ...addresses.map((address) => serverOf(address, name))])
    const command = source.get("cmd")?.text
    const { clear, secrets } = environment(source.get("env"), notes)
    const port = source.get("port")?.text
    const own = source.get("proxy")
    if (source.get("service") !== undefined)
      notes.add(`accessories.${accessory}.service`, `jiji names the container ${project}-${name}`)
    if (source.get("network") !== undefined)
      notes.add(`accessories.${accessory}.network`, "each project has a network of its own")
    const keys = joined(
      {
        image: source.get("image")?.text,
        hosts,
        command: command === undefined ? undefined : commandWords(command),
        environment: values({ clear, secrets }),
        ports: port === undefined ? undefined : [/^\d+$/u.test(port) ? `${port}:${port}` : port],
        volumes: [
          ...(source.get("directories")?.items() ?? []).flatMap((item) => {
            const text = item.text ?? [item.get("local")?.text, item.get("remote")?.text].join(":")
            return directory(name, text)
          }),
          ...(source.get("volumes")?.texts() ?? [])
        ],
        files: (source.get("files")?.items() ?? []).flatMap((item) => accessoryFile(item, notes)),
        labels: Object.fromEntries(source.get("labels")?.record() ?? []),
        logging: logging(source.get("logging")) ?? log
      },
      own?.isMap === true ? proxyKeys([own], deployTimeout, notes) : {},
      runOptions(source.get("options"))
    )
    noteVolumes(project, `accessories.${accessory}.volumes`, source.get("volumes")?.texts() ?? [], notes)
    if ((source.get("directories")?.items() ?? []).some(({ text = "" }) => !text.startsWith("/")))
      notes.add(
        `accessories.${accessory}.directories`,
        "become named volumes, which are empty at first: copy the data into them yourself"
      )
    if (hosts.length > 0 && keys["image"] !== undefined) services.set(name, keys)
    else notes.add(`accessories.${accessory}`, hosts.length > 0 ? "has no image" : "has no server")
  }

  const boot = root.get("boot")
  const limit = boot?.get("limit")?.text
  const count = Math.max(0, ...[...hostsOfRole.values()].map(({ length }) => length))
  const batch =
    limit?.endsWith("%") === true ? Math.max(1, Math.floor((count * Number(limit.slice(0, -1))) / 100)) : Number(limit)

  const aliases = root.get("aliases")
  const [firstService = "web"] = services.keys()
  const aliasTexts = (aliases?.record() ?? []).flatMap(([name, text]) => {
    const command = aliasOf(text, primary === undefined ? firstService : toName(primary, firstService))
    if (command === undefined) notes.add(`aliases.${name}`, `jiji has no such command: ${text}`)
    return command === undefined ? [] : [[name, command] as const]
  })

  if (limit !== undefined && !(batch >= 1))
    notes.add("boot.limit", "is neither a number nor a percentage; set `deploy.batch`")

  const builderKey = values({
    registry: registry(root.get("registry"), image, notes),
    remote: builder?.get("remote")?.text
  })
  const ssh = sshKey(root.get("ssh"), notes)
  noteUnread(root, notes, reasons)
  const deploy = values({
    project,
    builder: builderKey,
    ssh,
    servers: Object.fromEntries(servers),
    services: Object.fromEntries(services),
    deploy: batch >= 1 ? { strategy: "rolling", batch } : undefined,
    aliases: Object.fromEntries(aliasTexts)
  })
  for (const path of erbIn(deploy)) notes.add(path, "has ERB, which jiji does not run: write the value")
  return { deploy, notes: notes.all() }
}
