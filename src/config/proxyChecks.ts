import { child, descend, entries, items, type Located, written } from "./Located.ts"
import { parsePort } from "./ports.ts"
import type { KeyPath } from "./Problem.ts"

type Report = (path: KeyPath, message: string) => void

/** A host name that a service serves below a path, on some servers. */
interface Claim {
  readonly service: string
  readonly host: string
  readonly path: string
  readonly tls: string
  readonly servers: ReadonlySet<string | undefined>
  readonly at: KeyPath
}

const isAddress = (host: string): boolean => /^\d{1,3}(?:\.\d{1,3}){3}$/u.test(host)

/** `auto`, `off` or `a certificate`, as messages call it. */
const tlsOf = (proxy: Located | undefined): string => {
  const tls = child(proxy, "tls")
  return tls?._tag === "Map" ? "a certificate" : (written(tls) ?? "auto")
}

/** Why no certificate authority gives a certificate for the name over HTTP. */
const autoFault = (host: string): string | undefined => {
  if (host.startsWith("*.")) return `${host} cannot have tls: auto; list the names, or use a certificate or tls: off`
  if (isAddress(host)) return `${host} is an address, which cannot have tls: auto; use a certificate or tls: off`
  return host.includes(".")
    ? undefined
    : `${host} is not a public name, so it cannot have tls: auto; use a certificate or tls: off`
}

const claimsOf = (service: string, node: Located): ReadonlyArray<Claim> => {
  const proxy = child(node, "proxy")
  const servers = new Set(items(child(node, "hosts")).map(written))
  const about = { service, servers, tls: tlsOf(proxy), path: written(child(proxy, "path")) ?? "/" }
  return items(child(proxy, "hosts")).flatMap((item, index) => {
    const host = written(item)
    return host === undefined ? [] : [{ ...about, host, at: ["services", service, "proxy", "hosts", index] }]
  })
}

const shareServer = (a: Claim, b: Claim): boolean => [...a.servers].some((server) => b.servers.has(server))

/** Reports host names that clash, names that cannot have a certificate, and keys that do nothing. */
export const checkProxy = (root: Located, report: Report): void => {
  const services = entries(child(root, "services"))
  const proxied = services.filter(([, node]) => child(node, "proxy") !== undefined)
  const claims = proxied.flatMap(([service, node]) => claimsOf(service, node))
  for (const [index, claim] of claims.entries()) {
    const { at, host, path, service, tls } = claim
    if (tls === "auto") {
      const fault = autoFault(host)
      if (fault !== undefined) report(at, fault)
    }
    const others = claims.slice(0, index).filter((other) => other.host === host && shareServer(other, claim))
    const same = others.find((other) => other.path === path)
    if (same !== undefined) {
      const where = path === "/" ? host : `${host}${path}`
      report(at, same.service === service ? `repeats ${host}` : `${where} is already served by ${same.service}`)
      continue
    }
    const different = others.find((other) => other.tls !== tls)
    if (different !== undefined) {
      report(
        at,
        `${host} has tls: ${tls} here and tls: ${different.tls} in ${different.service}; use the same for both`
      )
    }
  }
  for (const [service, node] of proxied) {
    const proxy = child(node, "proxy")
    if (child(proxy, "strip") !== undefined && child(proxy, "path") === undefined) {
      report(["services", service, "proxy", "strip"], "does nothing without path")
    }
    const port = Number(written(child(proxy, "port")))
    for (const [index, item] of items(child(node, "ports")).entries()) {
      const published = parsePort(written(item) ?? "")
      if (typeof published === "string" || published.host === undefined || published.container !== port) continue
      report(
        ["services", service, "ports", index],
        `publishes port ${port}, which the proxy serves; remove it, because a fixed port stops the service on every deploy`
      )
    }
  }
  const project = child(root, "proxy")
  if (project === undefined) return
  if (proxied.length === 0) return report(["proxy"], "does nothing, because no service has proxy")
  const [http, https] = [written(child(project, "http")) ?? "80", written(child(project, "https")) ?? "443"]
  if (http === https) report(["proxy", "https"], `must differ from http, which is also ${http}`)
  if (!claims.some(({ tls }) => tls === "auto")) {
    for (const key of ["email", "acme"]) {
      if (child(project, key) !== undefined) report(["proxy", key], "does nothing, because no service has tls: auto")
    }
  }
}

/** Reports ports that services publish on a server whose proxy needs them. */
export const checkProxyPorts = (root: Located, report: Report): void => {
  const services = entries(child(root, "services"))
  const servers = new Set(
    services.flatMap(([, node]) => (child(node, "proxy") === undefined ? [] : items(child(node, "hosts")).map(written)))
  )
  const used = new Set(
    (["http", "https"] as const).map((key) =>
      Number(written(descend(root, ["proxy", key])) ?? (key === "http" ? 80 : 443))
    )
  )
  for (const [service, node] of services) {
    const server = items(child(node, "hosts"))
      .map(written)
      .find((each) => servers.has(each))
    if (server === undefined) continue
    for (const [index, item] of items(child(node, "ports")).entries()) {
      const port = parsePort(written(item) ?? "")
      if (typeof port === "string" || port.host === undefined || !used.has(port.host)) continue
      if (port.protocol === "sctp") continue
      report(
        ["services", service, "ports", index],
        `publishes port ${port.host} on ${server}, which the proxy needs there`
      )
    }
  }
}
