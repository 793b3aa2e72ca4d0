import { basename } from "node:path"
import { parsePort } from "../config/ports.ts"
import { translateCompose } from "./compose.ts"
import { type Draft, isValues, mapIn, type Note, toName, type Value, type Values, values } from "./Draft.ts"
import type { Findings } from "./inspect.ts"
import { translateKamal } from "./kamal.ts"
import { canBeSecret, hasSecretName, looksSecret } from "./sensitive.ts"
import { parseTarget } from "./words.ts"

/** A draft, and the file that it was translated from, if any. */
export interface FirstDraft extends Draft {
  readonly from?: string
}

const isFault = (draft: Draft | { readonly fault: string }): draft is { readonly fault: string } => "fault" in draft

/** The service of a project that has nothing but a Dockerfile, or not even that. */
const plainServices = ({ dockerfile }: Findings): Values => {
  const name = dockerfile?.name ?? "Dockerfile"
  return { web: { build: values({ context: ".", dockerfile: name === "Dockerfile" ? undefined : name }) } }
}

const projectName = ({ remote, root }: Findings): string => toName(remote?.name ?? basename(root), "app")

/** The first draft: from Kamal's file, else from a compose file, else from the Dockerfile. */
export const firstDraft = (findings: Findings): FirstDraft => {
  const notes: Array<Note> = []
  for (const [file, translate] of [
    [findings.kamal, translateKamal],
    [findings.compose, translateCompose]
  ] as const) {
    if (file === undefined) continue
    const draft = translate(file.text)
    if (isFault(draft)) notes.push({ key: file.name, text: `is not valid YAML: ${draft.fault}` })
    else if (Object.keys(mapIn(draft.deploy, "services")).length === 0)
      notes.push({ key: file.name, text: "has no service" })
    else {
      const project = draft.deploy["project"] ?? projectName(findings)
      return { deploy: { project, ...draft.deploy }, notes: [...notes, ...draft.notes], from: file.name }
    }
  }
  return { deploy: { project: projectName(findings), services: plainServices(findings) }, notes }
}

/** What a person answers, or the flags say. */
export interface Answers {
  readonly project: string
  /** Each as `[user@]host[:port]`. */
  readonly servers: ReadonlyArray<string>
  /** Host names for the proxy. Empty: the container's port is published instead. */
  readonly domains: ReadonlyArray<string>
  /** `local`, or a registry's host. */
  readonly registry: string
}

const textsOf = (value: Value | undefined): ReadonlyArray<string> => (Array.isArray(value) ? value.map(String) : [])

const serviceEntries = (deploy: Values): ReadonlyArray<readonly [string, Values]> =>
  Object.entries(mapIn(deploy, "services")).flatMap(([name, service]) =>
    isValues(service) ? [[name, service] as const] : []
  )

/** The service that people visit: one behind the proxy, else the first that is built and publishes a port. */
const primary = (deploy: Values): string | undefined => {
  const all = serviceEntries(deploy)
  const found =
    all.find(([, service]) => service["proxy"] !== undefined) ??
    all.find(([, service]) => service["build"] !== undefined && service["ports"] !== undefined) ??
    all.find(([, service]) => service["build"] !== undefined) ??
    all[0]
  return found?.[0]
}

const serverText = (server: Values): string => {
  const { host, port, user } = server
  const address =
    port === undefined ? String(host) : String(host).includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  return user === undefined ? address : `${user}@${address}`
}

/** The answers that change nothing in a draft. */
export const answersIn = ({ deploy }: Draft): Answers => {
  const name = primary(deploy)
  const registry = mapIn(mapIn(deploy, "builder"), "registry")
  return {
    project: String(deploy["project"]),
    servers: Object.values(mapIn(deploy, "servers")).flatMap((server) =>
      isValues(server) ? [serverText(server)] : []
    ),
    domains: name === undefined ? [] : textsOf(mapIn(mapIn(mapIn(deploy, "services"), name), "proxy")["hosts"]),
    registry: typeof registry["server"] === "string" ? registry["server"] : "local"
  }
}

const containerPort = (port: string): number | undefined => {
  const parsed = parsePort(port)
  return typeof parsed === "string" ? undefined : parsed.container
}

/** The service behind the proxy, with these host names. */
const withDomains = (service: Values, domains: ReadonlyArray<string>, exposed: number | undefined): Values => {
  const { ports, proxy, ...rest } = service
  const before = isValues(proxy) ? proxy : {}
  const port =
    before["port"] ??
    textsOf(ports)
      .map(containerPort)
      .find((port) => port !== undefined) ??
    exposed ??
    80
  if (domains.length === 0) {
    const { drain, health, ...others } = rest
    const published = textsOf(ports).length > 0 || exposed === undefined ? (ports ?? []) : [`${exposed}:${exposed}`]
    if (proxy === undefined) return values({ ...rest, ports: published })
    const { path: _path, interval: _interval, status: _status, ...ownHealth } = isValues(health) ? health : {}
    return values({ ...others, health: ownHealth, ports: [`80:${String(port)}`], stop_timeout: drain })
  }
  return values({
    ...rest,
    ports: textsOf(ports).filter((each) => containerPort(each) !== port),
    proxy: { ...before, hosts: domains, port }
  })
}

/** Says whether a variable of `.env.example` should not be in deploy.yml. */
const isSensitive = (name: string, value: string | undefined): boolean =>
  value === undefined || hasSecretName(name) || looksSecret(name, value) || /PRIVATE|URL|AUTH/u.test(name)

/** The service's environment with the variables of `.env.example` that it lacks. */
const withVariables = (service: Values, variables: Findings["variables"]): Values => {
  const environment = mapIn(service, "environment")
  const clear = mapIn(environment, "clear")
  const secrets = textsOf(environment["secrets"])
  const missing = variables.filter(([name]) => !Object.hasOwn(clear, name) && !secrets.includes(name))
  const hidden = missing.filter(([name, value]) => canBeSecret(name) && isSensitive(name, value)).map(([name]) => name)
  const shown = missing.flatMap(([name, value]) =>
    hidden.includes(name) || value === undefined || looksSecret(name, value) ? [] : [[name, value] as const]
  )
  return values({
    ...service,
    environment: values({ clear: { ...clear, ...Object.fromEntries(shown) }, secrets: [...secrets, ...hidden] })
  })
}

/** What deploy.yml says about a registry. `github` is the owner of the repository on GitHub. */
const registryKey = (server: string, before: Values, { remote }: Findings): Values | undefined => {
  if (server === "local") return undefined
  if (before["server"] === server) return before
  if (server === "ghcr.io" && remote?.host === "github.com") {
    return { server, username: remote.owner, password: "GITHUB_TOKEN" }
  }
  return { server, username: "REGISTRY_USERNAME", password: "REGISTRY_PASSWORD" }
}

const sameTexts = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => JSON.stringify(a) === JSON.stringify(b)

/** The draft with the answers. */
export const applyAnswers = (draft: FirstDraft, answers: Answers, findings: Findings): Draft => {
  const { deploy, notes } = draft
  const before = answersIn(draft)
  const { registry: registryBefore, ...builder } = mapIn(deploy, "builder")
  const isKamal = draft.from !== undefined && draft.from === findings.kamal?.name
  const servers = sameTexts(answers.servers, before.servers)
    ? mapIn(deploy, "servers")
    : Object.fromEntries(
        answers.servers.map((text, index) => [`web${index + 1}`, values({ ...parseTarget(text) })] as const)
      )
  const names = Object.keys(servers)
  const keepsHosts = sameTexts(answers.servers, before.servers)
  const first = primary(deploy)
  const services = serviceEntries(deploy).map(([name, service]) => {
    const hosts = keepsHosts ? service["hosts"] : service["build"] === undefined ? names.slice(0, 1) : names
    const exposed = service["build"] === undefined ? undefined : findings.dockerfile?.port
    const changesDomains = name === first && !(isKamal && sameTexts(answers.domains, before.domains))
    const routed = changesDomains ? withDomains(service, answers.domains, exposed) : service
    const filled = isKamal || service["build"] === undefined ? routed : withVariables(routed, findings.variables)
    const { build, image, ...rest } = filled
    return [name, values({ build, image, hosts, ...rest, ...(hosts !== undefined && { hosts }) })] as const
  })
  const registry = registryKey(answers.registry, isValues(registryBefore) ? registryBefore : {}, findings)
  return {
    deploy: values({
      project: answers.project,
      builder: values({ ...builder, registry }),
      ssh: deploy["ssh"],
      servers,
      services: Object.fromEntries(services),
      deploy: deploy["deploy"],
      aliases: deploy["aliases"]
    }),
    notes
  }
}
