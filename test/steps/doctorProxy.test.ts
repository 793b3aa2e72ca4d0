import { describe, expect } from "bun:test"
import { readFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Duration, Effect } from "effect"
import type { Tls } from "../../src/config/Project.ts"
import * as Report from "../../src/steps/doctor/Report.ts"
import { doctor } from "../../src/steps/DoctorPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { projectSites, site } from "../layers/proxy/sites.ts"
import { it } from "../support/effect.ts"
import { failed, type Override, project, service, succeeded } from "./rehearsal.ts"

/** What `jiji doctor` finds out about the proxy of web1. */
const examine = (answers: Override, tls: Tls = { _tag: "Auto" }) =>
  Effect.gen(function* () {
    const proxy = {
      hosts: ["shop.test"],
      port: 80,
      path: "/",
      strip: false,
      tls,
      responseTimeout: Duration.seconds(60)
    }
    const of = project({ services: [service("web", ["web1"], { proxy })] })
    const healthy: Override = (_machine, { script }) => {
      if (script === "look") return succeeded("began 0\nprocessor x86_64\nengine docker 26.1.3\nended 0\n")
      return script === "probe" ? succeeded("docker 26.1.3 x86_64\n[]\n") : undefined
    }
    const { events } = yield* Rehearsal.run(
      doctor,
      { project: of },
      { answers: [Answer.from(answers), Answer.from(healthy)] }
    )
    const found = Report.checksOf(events).filter(({ name }) => /^(?:proxy|ports|certificates)$/u.test(name))
    return found.map(({ name, status, text }) => `${name} ${status}: ${text}`)
  })

const running: Override = (_machine, { script }) =>
  script === "proxy-read"
    ? succeeded(
        `proxy caddy:2.11.4 - running\nhash 0a1b\nsites shop ${JSON.stringify(projectSites("shop", [site("web", ["shop.test"])]))}\n`
      )
    : undefined

/** A certificate that expires some days after the time of a rehearsal's clock, which is 1970. */
const certificate = (days: number): string => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-certificate-"))
  const begin = "19700101000000Z"
  const end = `${new Date(days * 86_400_000).toISOString().slice(0, 19).replaceAll(/[-T:]/gu, "")}Z`
  const files = ["-keyout", join(folder, "key"), "-out", join(folder, "csr"), "-addext", "subjectAltName=DNS:shop.test"]
  const request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop.test".split(" ")
  const sign = ["ca", "-selfsign", "-batch", "-notext", "-startdate", begin, "-enddate", end]
  const config = `[ca]\ndefault_ca=x\n[x]\nnew_certs_dir=${folder}\ndatabase=${folder}/db\nserial=${folder}/serial\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n`
  const write = (name: string, text: string) =>
    Bun.spawnSync(["sh", "-c", 'printf %s "$1" >"$2"', "sh", text, join(folder, name)])
  write("config", config)
  write("db", "")
  write("serial", "01")
  const made = Bun.spawnSync(["openssl", ...request, ...files])
  const signed = Bun.spawnSync([
    "openssl",
    ...sign,
    "-config",
    join(folder, "config"),
    "-keyfile",
    join(folder, "key"),
    "-in",
    join(folder, "csr"),
    "-out",
    join(folder, "crt")
  ])
  if (made.exitCode !== 0 || signed.exitCode !== 0)
    throw new Error(`${made.stderr.toString()}${signed.stderr.toString()}`)
  const text = readFileSync(join(folder, "crt"), "utf8")
  rmSync(folder, { recursive: true })
  return text
}

const withCertificate =
  (pem: string): Override =>
  (machine, command) =>
    command.script === "proxy-certificates" ? succeeded(pem) : running(machine, command)

describe("jiji doctor, for a service behind the proxy,", () => {
  it.effect("says that the first deploy starts the proxy, and that its ports are free", () =>
    Effect.gen(function* () {
      expect(yield* examine(() => undefined)).toEqual([
        "proxy ok: none runs yet; the next deploy starts it",
        "ports ok: 80 and 443 can be used",
        "certificates skipped: the proxy does not run"
      ])
    })
  )

  it.effect("names what holds a port", () =>
    Effect.gen(function* () {
      const answers: Override = (_machine, { script }) =>
        script === "proxy-ports" ? succeeded("80 nginx (process 12)\n") : undefined
      expect(yield* examine(answers)).toContain(
        "ports failed: The proxy needs port 80 of web1, but nginx (process 12) already listens there."
      )
    })
  )

  it.effect("warns about a name without a certificate, and about a proxy that is stopped", () =>
    Effect.gen(function* () {
      expect(yield* examine(running)).toEqual([
        "proxy ok: runs with caddy:2.11.4",
        "ports ok: 80 and 443 are served by the proxy",
        "certificates warning: there is no certificate for shop.test yet"
      ])
      const stopped: Override = (_machine, { script }) =>
        script === "proxy-read" ? succeeded("proxy caddy:2.11.4 - exited\nhash 0a1b\n") : undefined
      expect(yield* examine(stopped)).toContain("proxy warning: the container jiji-proxy is stopped")
    })
  )

  it.effect("gives the expiry of certificates", () =>
    Effect.gen(function* () {
      expect(yield* examine(withCertificate(certificate(90)))).toContain(
        "certificates ok: the first expires on 1970-04-01"
      )
      expect(yield* examine(withCertificate(certificate(10)))).toContain(
        "certificates warning: the certificate for shop.test expires on 1970-01-11"
      )
    })
  )

  it.effect("needs no certificate without TLS", () =>
    Effect.gen(function* () {
      expect(yield* examine(running, { _tag: "Off" })).toContain("certificates ok: none is needed")
    })
  )

  it.effect("reports a foreign container with the proxy's name", () =>
    Effect.gen(function* () {
      const answers: Override = (_machine, { script }) => (script === "proxy-read" ? succeeded("foreign\n") : undefined)
      expect(yield* examine(answers)).toEqual([
        "proxy failed: The container jiji-proxy on web1 was not created by jiji.",
        "ports skipped: the proxy could not be checked",
        "certificates skipped: the proxy could not be checked"
      ])
    })
  )

  it.effect("skips its checks if the connection failed, or the engine is down", () =>
    Effect.gen(function* () {
      const down: Override = (machine, { script }) =>
        machine._tag === "Remote" && script === "look"
          ? { stdout: "began 0\nprocessor x86_64\nended 0\n", stderr: "is the docker daemon running?", exitCode: 1 }
          : machine._tag === "Remote"
            ? failed("is the docker daemon running?")
            : undefined
      expect(yield* examine(down)).toEqual(
        ["proxy", "ports", "certificates"].map((name) => `${name} skipped: the engine is not running`)
      )
    })
  )
})
