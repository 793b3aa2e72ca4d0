import { beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkCertificate } from "../../../src/layers/proxy/certificate.ts"
import type { CertificatePair } from "../../../src/layers/proxy/sites.ts"

/** A certificate of 30 days with its key. */
const make = (names: string): CertificatePair => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-certificate-"))
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test`.split(" ")
  const files = ["-keyout", join(folder, "key"), "-out", join(folder, "crt"), "-addext", `subjectAltName=${names}`]
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words, ...files])
  if (exitCode !== 0) throw new Error(stderr.toString())
  const [certificate, key] = ["crt", "key"].map((name) => readFileSync(join(folder, name), "utf8"))
  rmSync(folder, { recursive: true })
  return { certificate: certificate ?? "", key: key ?? "" }
}

let pair: CertificatePair
let other: CertificatePair
beforeAll(() => {
  pair = make("DNS:shop.test,DNS:*.shop.test")
  other = make("DNS:other.test")
})

const days = (count: number) => Date.now() + count * 24 * 60 * 60 * 1000
const check = (hosts: ReadonlyArray<string>, changed: Partial<CertificatePair> = {}, now = days(0)) =>
  checkCertificate({ ...pair, ...changed }, hosts, now)

test("accepts a certificate for its hosts, also for a wildcard", () => {
  expect(check(["shop.test", "www.shop.test", "*.shop.test"])).toBeUndefined()
})

describe("rejects a certificate", () => {
  test("that is for other hosts", () => {
    expect(check(["shop.test", "blog.test"])).toEqual({ fault: "it is not for blog.test" })
    expect(check(["a.b.shop.test"])).toEqual({ fault: "it is not for a.b.shop.test" })
  })
  test("with another certificate's key", () => {
    expect(check(["shop.test"], { key: other.key })).toEqual({ fault: "the key belongs to another certificate" })
  })
  test("that is no certificate", () => {
    expect(check(["shop.test"], { certificate: "x" })).toEqual({ fault: "the certificate is not PEM text" })
    expect(check(["shop.test"], { key: pair.certificate })).toEqual({
      fault: "the key is not PEM text of a private key without a passphrase"
    })
  })
  test("that has expired, or is not valid yet", () => {
    expect(check(["shop.test"], {}, days(31))).toEqual({
      fault: expect.stringMatching(/^it expired on \d{4}-\d\d-\d\d$/)
    })
    expect(check(["shop.test"], {}, days(-2))).toEqual({ fault: expect.stringMatching(/^it is valid from .* only$/) })
  })
})

test("warns about a certificate in its last 14 days", () => {
  expect(check(["shop.test"], {}, days(15))).toBeUndefined()
  expect(check(["shop.test"], {}, days(17))).toEqual({ warning: expect.stringMatching(/^expires on \d{4}-\d\d-\d\d$/) })
})
