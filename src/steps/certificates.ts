import { Clock, Effect, Redacted } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { checkCertificate } from "../layers/proxy/certificate.ts"
import { CertificateInvalid } from "../layers/proxy/ProxyError.ts"
import { type CertificatePair, proxiedOn } from "../layers/proxy/sites.ts"

type Secrets = ReadonlyMap<string, Redacted.Redacted<string>>

/** The certificate that deploy.yml names for a service; undefined if it names none. */
export const certificateOf = ({ proxy }: Service, secrets: Secrets): CertificatePair | undefined => {
  if (proxy?.tls._tag !== "Certificate") return undefined
  const [certificate, key] = [secrets.get(proxy.tls.certificate), secrets.get(proxy.tls.key)]
  return certificate === undefined || key === undefined
    ? undefined
    : { certificate: Redacted.value(certificate), key: Redacted.value(key) }
}

/** Checks the certificates that deploy.yml names, and warns about those that expire soon. */
export const checkCertificates = Effect.fnUntraced(function* (project: Project, secrets: Secrets) {
  const now = yield* Clock.currentTimeMillis
  const { publish } = yield* Events
  for (const service of project.services) {
    const pair = certificateOf(service, secrets)
    if (pair === undefined || service.proxy?.tls._tag !== "Certificate") continue
    const { certificate, key } = service.proxy.tls
    const finding = checkCertificate(pair, service.proxy.hosts, now)
    if (finding === undefined) continue
    if ("fault" in finding) {
      return yield* new CertificateInvalid({ service: service.name, certificate, key, reason: finding.fault })
    }
    const text = `the certificate of ${service.name} (${certificate}) ${finding.warning}; replace it before`
    yield* publish({ _tag: "StepNoted", level: "warning", text })
  }
})

/** The certificates that the proxy of a server needs for the project. */
export const certificatesOf = (
  project: Project,
  server: string,
  secrets: Secrets
): ReadonlyArray<Redacted.Redacted<CertificatePair>> =>
  proxiedOn(project, server).flatMap((service) => {
    const pair = certificateOf(service, secrets)
    return pair === undefined ? [] : [Redacted.make(pair)]
  })
