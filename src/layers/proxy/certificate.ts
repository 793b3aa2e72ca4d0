import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { CertificatePair } from "./sites.ts"

/** A certificate that expires sooner gets a warning, in milliseconds. */
const soon = 14 * 24 * 60 * 60 * 1000

const readCertificate = (text: string): X509Certificate | undefined => {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

const readKey = (text: string): KeyObject | undefined => {
  try {
    return createPrivateKey(text)
  } catch {
    return undefined
  }
}

const day = (text: string): string => new Date(text).toISOString().slice(0, 10)

/** Whether a certificate is for a host. A wildcard needs one that is for any name. */
const covers = (certificate: X509Certificate, host: string): boolean =>
  isIP(host) > 0
    ? certificate.checkIP(host) !== undefined
    : certificate.checkHost(host.replace(/^\*\./u, "jiji-any-name.")) !== undefined

/** What is wrong with a certificate: a fault with which it cannot be used, or a warning. */
export type CertificateFinding = { readonly fault: string } | { readonly warning: string } | undefined

/** Checks whether a certificate fits its key and its hosts, and when it expires. */
export const checkCertificate = (
  pair: CertificatePair,
  hosts: ReadonlyArray<string>,
  now: number
): CertificateFinding => {
  const certificate = readCertificate(pair.certificate)
  if (certificate === undefined) return { fault: "the certificate is not PEM text" }
  const key = readKey(pair.key)
  if (key === undefined) return { fault: "the key is not PEM text of a private key without a passphrase" }
  if (!certificate.checkPrivateKey(key)) return { fault: "the key belongs to another certificate" }
  const other = hosts.find((host) => !covers(certificate, host))
  if (other !== undefined) return { fault: `it is not for ${other}` }
  if (Date.parse(certificate.validTo) <= now) return { fault: `it expired on ${day(certificate.validTo)}` }
  if (Date.parse(certificate.validFrom) > now) return { fault: `it is valid from ${day(certificate.validFrom)} only` }
  if (Date.parse(certificate.validTo) - now < soon) return { warning: `expires on ${day(certificate.validTo)}` }
  return undefined
}

/** When the certificate for a host expires that does so last; undefined if no certificate is for it. */
export const expiryFor = (host: string, all: ReadonlyArray<string>): number | undefined => {
  const found = all.flatMap((text) => {
    const certificate = readCertificate(text)
    return certificate !== undefined && !certificate.ca && covers(certificate, host)
      ? [Date.parse(certificate.validTo)]
      : []
  })
  return found.length === 0 ? undefined : Math.max(...found)
}
