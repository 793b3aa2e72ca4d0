import { child, descend, entries, items, keyPlaceOf, type Located, placeOf, written } from "./Located.ts"
import { wholeCommand } from "./commandValue.ts"
import { checkContainer } from "./containerSettings.ts"
import { namePattern } from "./fields.ts"
import { namesByUser } from "./ImageReference.ts"
import { checkDependencies, checkRollout } from "./orderChecks.ts"
import { checkProxy, checkProxyPorts } from "./proxyChecks.ts"
import { checkAliases } from "./aliases.ts"
import { checkTriggers } from "./triggers.ts"
import { builderName } from "./resolve.ts"
import { suggest } from "./suggest.ts"
import { parsePort, type PortMapping, portsClash } from "./ports.ts"
import { type KeyPath, type Problem, showPath } from "./Problem.ts"
import { isWritten, parseVolume } from "./volumes.ts"
import { joinWords } from "../core/text.ts"

type Report = (path: KeyPath, message: string) => void

/**
 * Checks that involve several keys, which a schema cannot do. They work on the tree instead of the decoded file, so that
 * other mistakes do not hide these problems. Values of the wrong type are ignored, since the schema reports them.
 */
export const crossChecks = (root: Located, builtinCommands: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const report: Report = (path, message) => problems.push({ ...placeOf(root, path), path: showPath(path), message })
  for (const [name, service] of entries(child(root, "services"))) {
    const path = ["services", name]
    if (service._tag === "Map") checkSource(service, path, report)
    checkHosts(root, service, path, report)
    checkEnvironment(service, path, report)
    checkTargets(service, path, report)
    checkContainer(service, path, report)
    checkPlatforms(root, service, path, report)
    for (const key of ["platforms", "secrets", "cache_from", "cache_to"]) {
      checkRepeats(descend(service, ["build", key]), [...path, "build", key], report)
    }
    checkReplicas(service, path, report)
    checkHealth(service, path, report)
  }
  checkPorts(root, report)
  checkDependencies(root, report)
  checkProxy(root, report)
  checkProxyPorts(root, report)
  checkTriggers(root, report)
  const reportKey: Report = (path, message) =>
    problems.push({ ...keyPlaceOf(root, path), path: showPath(path), message })
  checkTemporaryNames(root, reportKey)
  checkRollout(root, reportKey)
  checkAliases(root, builtinCommands, reportKey)
  checkRegistry(root, reportKey)
  checkBuilder(root, report)
  return problems
}

const checkSource = (service: Located, path: KeyPath, report: Report) => {
  const build = child(service, "build") !== undefined
  const image = child(service, "image") !== undefined
  if (build && image) {
    report(path, "has both build and image; remove one (in an environment's file, `image: ~` removes the key)")
  }
  if (!build && !image) report(path, "needs either build, to build its image, or image, to use an existing one")
}

/** Reports values that a list contains more than once. */
const checkRepeats = (node: Located | undefined, path: KeyPath, report: Report) => {
  const seen = new Set<string>()
  for (const [index, item] of items(node).entries()) {
    const value = written(item)
    if (value !== undefined && seen.has(value)) report([...path, index], `repeats ${value}`)
    if (value !== undefined) seen.add(value)
  }
}

const checkHosts = (root: Located, service: Located, path: KeyPath, report: Report) => {
  const servers = child(root, "servers")
  const names = entries(servers).map(([name]) => name)
  checkRepeats(child(service, "hosts"), [...path, "hosts"], report)
  if (servers?._tag !== "Map" || names.length === 0) return
  for (const [index, item] of items(child(service, "hosts")).entries()) {
    const host = item._tag === "Scalar" ? item.value : null
    // The schema reports values that are not valid names.
    if (typeof host !== "string" || !namePattern.test(host) || names.includes(host)) continue
    const near = suggest(host, names)
    const known = near === undefined ? `use ${joinWords(names, "or")}` : `did you mean \`${near}\`?`
    report([...path, "hosts", index], `${host} is not under servers; ${known}`)
  }
}

/** Reports a server whose `arch` is not among the platforms that its service is built for. */
const checkPlatforms = (root: Located, service: Located, path: KeyPath, report: Report) => {
  const platforms = items(descend(service, ["build", "platforms"])).map(written)
  if (platforms.length === 0) return
  for (const server of items(child(service, "hosts")).map(written)) {
    const arch = server === undefined ? undefined : written(descend(root, ["servers", server, "arch"]))
    if (arch === undefined || platforms.includes(`linux/${arch}`)) continue
    report([...path, "build", "platforms"], `lacks linux/${arch}, which ${server} needs (its arch is ${arch})`)
  }
}

const checkEnvironment = (service: Located, path: KeyPath, report: Report) => {
  const secrets = descend(service, ["environment", "secrets"])
  const clear = descend(service, ["environment", "clear"])
  checkRepeats(secrets, [...path, "environment", "secrets"], report)
  for (const [index, item] of items(secrets).entries()) {
    const name = written(item)
    if (name !== undefined && child(clear, name) !== undefined) {
      report([...path, "environment", "secrets", index], `${name} is also under clear; remove one of them`)
    }
  }
}

/** Reports two volumes of a service with the same mount path. */
const checkTargets = (service: Located, path: KeyPath, report: Report) => {
  const seen = new Set<string>()
  for (const [index, item] of items(child(service, "volumes")).entries()) {
    const mount = parseVolume(written(item) ?? "")
    if (typeof mount === "string") continue
    const target = mount.target.replace(/\/+$/u, "")
    if (seen.has(target)) report([...path, "volumes", index], `mounts a second volume at ${mount.target}`)
    seen.add(target)
  }
}

interface Published {
  readonly service: string
  readonly server: string
  readonly text: string
  readonly port: PortMapping
}

/** Reports a port that is published twice on the same server. */
const checkPorts = (root: Located, report: Report) => {
  const published: Array<Published> = []
  for (const [service, node] of entries(child(root, "services"))) {
    const hosts = new Set(items(child(node, "hosts")).map(written))
    for (const [index, item] of items(child(node, "ports")).entries()) {
      const text = written(item) ?? ""
      const port = parsePort(text)
      if (typeof port === "string") continue
      const clash = published.find((other) => hosts.has(other.server) && portsClash(other.port, port))
      if (clash !== undefined) {
        const who = clash.service === service ? "this service" : clash.service
        report(
          ["services", service, "ports", index],
          `publishes port ${port.host} on ${clash.server}, which ${who} already publishes (${clash.text})`
        )
      }
      for (const server of hosts) if (server !== undefined) published.push({ service, server, text, port })
    }
  }
}

/** Reports keys that do nothing without another one. */
const checkHealth = (service: Located, path: KeyPath, report: Report) => {
  const health = child(service, "health")
  if (child(service, "proxy") === undefined) {
    if (child(health, "path") !== undefined) report([...path, "health", "path"], "needs proxy, which asks for it")
    if (child(service, "drain") !== undefined) report([...path, "drain"], "needs proxy, which moves requests")
  }
  for (const key of ["status", "interval"]) {
    if (child(health, key) === undefined || child(health, "path") !== undefined) continue
    report([...path, "health", key], "needs path beside it")
  }
}

const replicasOf = (service: Located | undefined): number => {
  const node = child(service, "replicas")
  return node?._tag === "Scalar" && typeof node.value === "number" ? node.value : 1
}

/** Reports a service with several containers that would share what only one can have. */
const checkReplicas = (service: Located, path: KeyPath, report: Report) => {
  if (replicasOf(service) <= 1) return
  const key = [...path, "replicas"]
  const volumes = items(child(service, "volumes")).flatMap((item) => written(item) ?? [])
  const volume = volumes.find((text) => typeof parseVolume(text) !== "string" && isWritten(text))
  if (volume !== undefined) {
    report(key, `must be 1, because two containers must not write the same data; the volume ${volume} is not read-only`)
  }
  const ports = items(child(service, "ports")).flatMap((item) => written(item) ?? [])
  const port = ports.find((text) => {
    const parsed = parsePort(text)
    return typeof parsed !== "string" && parsed.host !== undefined
  })
  if (port !== undefined) report(key, `must be 1, because only one container can publish the port ${port}`)
}

/**
 * Reports a service whose container would have the name of another container of a second service: of a temporary one, as
 * `replace.sh` names them, or of a replica.
 */
const checkTemporaryNames = (root: Located, report: Report) => {
  const services = child(root, "services")
  const names = new Set(entries(services).map(([name]) => name))
  for (const name of names) {
    const [, first, number] = /^(.+?)-([2-9]|[1-9]\d+)(?:-next|-trial)?$/u.exec(name) ?? []
    if (first !== undefined && replicasOf(child(services, first)) > 1) {
      const text = `cannot have this name beside ${first}, because jiji adds -${number} to the name of a replica of ${first}; choose another name`
      report(["services", name], text)
      continue
    }
    const [, other, end] = /^(.+)-(next|trial|release)$/u.exec(name) ?? []
    if (other === undefined || !names.has(other)) continue
    if (end === "release" && child(child(services, other), "release") === undefined) continue
    const text = `cannot have this name beside ${other}, because jiji adds -${end} to the name of ${other}'s temporary container; choose another name`
    report(["services", name], text)
  }
}

/** Reports a missing username, which a password and some registries need, and keys that do not fit the type of registry. */
const checkRegistry = (root: Located, report: Report) => {
  const path = ["builder", "registry"]
  const registry = descend(root, path)
  if (registry?._tag !== "Map") return
  if (written(child(registry, "type")) === "local") {
    if (child(registry, "image") === undefined || written(child(registry, "engine")) === "container") return
    return report([...path, "image"], "works only with engine: container")
  }
  const username = child(registry, "username")
  if (wholeCommand(written(username) ?? "") !== undefined) {
    report(
      [...path, "username"],
      "cannot be a command (only password can); use the user's name, or the name of a secret in capitals"
    )
  }
  if (username !== undefined) return
  const kind = namesByUser(written(child(registry, "server")) ?? "")
  if (kind !== undefined && child(registry, "namespace") === undefined) {
    report([...path, "username"], `${kind} requires username to be configured`)
  } else if (child(registry, "password") !== undefined) {
    report([...path, "username"], "is missing; password needs it")
  }
}

/** Reports a machine that cannot build, and keys that do not fit it. */
const checkBuilder = (root: Located, report: Report) => {
  const builder = child(root, "builder")
  const path = ["builder", "remote"]
  const remote = written(child(builder, "remote"))
  if (remote === undefined) return
  const names = entries(child(root, "servers")).map(([name]) => name)
  if (namePattern.test(remote) && names.length > 0 && !names.includes(remote)) {
    const near = suggest(remote, names)
    const known = near === undefined ? `use ${joinWords(names, "or")}, or ssh://user@host` : `did you mean \`${near}\`?`
    report(path, `${remote} is not under servers; ${known}`)
  }
  if (remote.startsWith("ssh://") && names.includes(builderName)) {
    report(
      path,
      `must be the name of a server, because one of the servers is named ${builderName}; or rename that server`
    )
  }
  if (child(builder, "local") !== undefined) {
    report(path, "cannot be used with local, which builds on this machine; remove one of them")
  }
  const registry = child(builder, "registry")
  if (written(child(registry, "engine")) === "container") {
    report(
      path,
      "cannot be used with registry.engine: container, which only this machine can push to; remove one of them"
    )
  }
}
