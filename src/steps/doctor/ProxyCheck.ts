import { Clock, Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { joinWords } from "../../core/text.ts"
import type { MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { expiryFor } from "../../layers/proxy/certificate.ts"
import { ProxyPortTaken } from "../../layers/proxy/ProxyError.ts"
import { type ProxyState, ServerProxy } from "../../layers/proxy/ServerProxy.ts"
import { proxiedOn } from "../../layers/proxy/sites.ts"
import * as Step from "../../pipeline/Step.ts"
import { catchAsCheck, type Check, CheckResult, checksFor } from "./Check.ts"

/** A certificate that expires sooner should have been renewed, in milliseconds. */
const soon = 14 * 24 * 60 * 60 * 1000

const proxyCheck = (server: string, { container }: ProxyState): Check => {
  const { ok, warning } = checksFor(server)
  if (container === undefined) return ok("proxy", "none runs yet; the next deploy starts it")
  return container.running
    ? ok("proxy", `runs with ${container.image}`)
    : warning("proxy", "the container jiji-proxy is stopped", "Deploy, or start it yourself.")
}

/** Checks what the hosts with HTTPS have: certificates that are valid for a while. */
const certificateCheck = (server: string, hosts: ReadonlyArray<string>, all: ReadonlyArray<string>, now: number) => {
  const { failed, ok, warning } = checksFor(server)
  const expiries = hosts.map((host) => ({ host, expiry: expiryFor(host, all) }))
  const date = (time: number) => new Date(time).toISOString().slice(0, 10)
  const missing = expiries.flatMap(({ expiry, host }) => (expiry === undefined ? [host] : []))
  const known = expiries.flatMap(({ expiry, host }) => (expiry === undefined ? [] : [{ host, expiry }]))
  const first = known.toSorted((a, b) => a.expiry - b.expiry)[0]
  if (first !== undefined && first.expiry <= now) {
    const message = `The certificate for ${first.host} expired on ${date(first.expiry)}.`
    return failed("certificates", { message, remedy: "See why it was not renewed in the log of jiji-proxy." })
  }
  if (missing.length > 0) {
    const remedy =
      "After the first deploy, it comes within seconds if the name leads to this server and ports 80 and 443 can be reached from outside. Otherwise see the log of jiji-proxy."
    return warning("certificates", `there is no certificate for ${joinWords(missing)} yet`, remedy)
  }
  if (first !== undefined && first.expiry - now < soon) {
    const text = `the certificate for ${first.host} expires on ${date(first.expiry)}`
    return warning("certificates", text, "Replace it, or see why it was not renewed in the log of jiji-proxy.")
  }
  return ok("certificates", first === undefined ? "none is needed" : `the first expires on ${date(first.expiry)}`)
}

/** Checks the proxy of a server, its ports and its certificates. */
export const step = Step.make(
  "proxy",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly connected?: true
    readonly found?: MachineFacts
  }) {
    const { connected, found, project, server } = state
    const services = proxiedOn(project, server.name)
    if (connected === undefined || services.length === 0) return { checks: [] }
    const { failed, ok, skipped } = checksFor(server.name)
    if (found?.engine === undefined)
      return { checks: skipped("the engine is not running", "proxy", "ports", "certificates") }
    const engine = found.engine.name
    const on = { engine, project: project.name }
    const { http = 80, https = 443 } = project.proxy ?? {}
    const check = Effect.gen(function* () {
      const proxy = yield* ServerProxy
      const current = yield* proxy.read(server, on)
      const runs = current.container?.running === true
      const secure = services.flatMap((service) => (service.proxy.tls._tag === "Off" ? [] : service.proxy.hosts))
      const served = new Set(runs ? current.sites.flatMap((sites) => [sites.http, sites.https]) : [])
      const wanted = [http, ...(secure.length > 0 ? [https] : [])]
      const free = wanted.filter((port) => !served.has(port))
      const holders = free.length === 0 ? [] : yield* proxy.holders(server, engine, free)
      const ports =
        holders.length > 0
          ? holders.map((holder) => failed("ports", new ProxyPortTaken({ server: server.name, ...holder })))
          : [
              ok(
                "ports",
                `${joinWords(wanted.map(String))} ${free.length > 0 ? "can be used" : "are served by the proxy"}`
              )
            ]
      const all = runs ? yield* proxy.certificates(server, on) : []
      const now = yield* Clock.currentTimeMillis
      const certificates = runs
        ? [certificateCheck(server.name, [...new Set(secure)], all, now)]
        : skipped("the proxy does not run", "certificates")
      return { checks: [proxyCheck(server.name, current), ...ports, ...certificates] }
    })
    return yield* catchAsCheck(server.name, "proxy", check, (failure) => ({
      checks: [failure, ...skipped("the proxy could not be checked", "ports", "certificates")]
    }))
  }),
  { result: CheckResult }
)
