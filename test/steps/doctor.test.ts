import { describe, expect, test } from "bun:test"
import { Clock, Effect, Exit } from "effect"
import type { Project, Server } from "../../src/config/Project.ts"
import type { ServerEngine } from "../../src/layers/docker/Docker.ts"
import { label, type Machine } from "../../src/layers/shell/Machine.ts"
import { ConnectionLost } from "../../src/layers/ssh/SshError.ts"
import * as findings from "../../src/steps/doctor/findings.ts"
import * as Report from "../../src/steps/doctor/Report.ts"
import { doctor } from "../../src/steps/DoctorPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { failed, type Override, project, succeeded, server, service } from "./rehearsal.ts"

const facts = (free = 41_000_000) =>
  succeeded(`began 0\nprocessor x86_64\nengine docker 26.1.3\nfree ${free} /var/lib/docker\nended 0\n`)

/** A machine without problems. */
const healthy = (machine: Machine, { script }: { readonly script?: string }) => {
  if (script === "look") return facts()
  if (script === "probe") return succeeded("docker 26.1.3 x86_64\n[]\n")
  if (script === "builder") return succeeded("buildx 26.1.3 found\n")
  if (script === "tunnel") return succeeded("listens 0100007F\nanswered docker\n")
  return machine._tag === "Local" ? succeeded("") : failed("unexpected command on a server")
}

/** Runs the checks on a project. The machines are healthy except for the given answers. */
const examine = Effect.fnUntraced(function* (of: Project, answers: ReadonlyArray<Answer.Answer> = []) {
  const script = { answers: [...answers, Answer.from(healthy)] }
  const { entries, events, exit } = yield* Rehearsal.run(doctor, { project: of }, script)
  expect(Exit.isSuccess(exit)).toBe(true)
  const report = Report.make(Report.checksOf(events), of)
  const checks = report.machines.flatMap(({ checks, name: machine }) =>
    checks.map(({ name, status, text }) => [`${machine} ${name}`, `${status}: ${text}`] as const)
  )
  return { report, found: Object.fromEntries(checks), entries }
})

const two = project({ servers: [server("web1"), server("web2")], services: [service("web", ["web1", "web2"])] })

describe("jiji doctor", () => {
  it.effect("finds no problems on healthy machines", () =>
    Effect.gen(function* () {
      const { found, report } = yield* examine(two)
      expect(report.ok).toBe(true)
      expect(found).toEqual({
        "this machine secrets": "ok: no secrets are used",
        "this machine engine": "ok: docker 26.1.3",
        "this machine build": "ok: builds for linux/amd64",
        "this machine disk": "ok: 42 GB free in /var/lib/docker",
        "this machine registry": "ok: port 9270 is free, and /var/lib/jiji is writable",
        ...Object.fromEntries(
          ["web1", "web2"].flatMap((name) => [
            [`${name} ssh`, "ok: logged in to 203.0.113.10; its host key is known"],
            [`${name} engine`, "ok: docker 26.1.3"],
            [`${name} processor`, "ok: amd64"],
            [`${name} disk`, "ok: 42 GB free in /var/lib/docker"],
            [`${name} clock`, "ok: 0.0 s off"],
            [`${name} tunnel`, "ok: port 9270 is open on 127.0.0.1 only"],
            [`${name} registry`, "ok: docker reaches it through the tunnel"]
          ])
        )
      })
    })
  )

  it.effect("runs three read-only scripts on a server, one of them from a deploy", () =>
    Effect.gen(function* () {
      const { entries } = yield* examine(two)
      const on = (name: string) => entries.filter(({ machine }) => label(machine) === name)
      const shown = on("web1").map((entry) => (entry._tag === "Command" ? entry.command.script : entry._tag))
      expect(shown).toEqual(["Connect", "look", "probe", "Forward", "tunnel"])
    })
  )

  it.effect("continues with the other servers if one cannot be reached, and skips the checks that need it", () =>
    Effect.gen(function* () {
      const answers = [Answer.unreachable("web1"), Answer.newHost("web2"), Answer.portTaken("web2")]
      const { found, report } = yield* examine(two, answers)
      expect(report.ok).toBe(false)
      expect(found["web1 ssh"]).toStartWith("failed: web1 (203.0.113.10) cannot be reached")
      for (const name of ["engine", "processor", "disk", "clock", "tunnel", "registry"]) {
        expect(found[`web1 ${name}`]).toBe("skipped: the connection failed")
      }
      expect(found["web2 ssh"]).toBe("ok: logged in to 203.0.113.10; its new host key was added to /known_hosts")
      expect(found["web2 tunnel"]).toBe("warning: port 9270 is taken on web2; deploys will use another one")
      expect(found["web2 registry"]).toStartWith("ok:")
    })
  )

  it.effect("does not warn that its own registry takes the tunnel's port, if the server is this machine", () =>
    Effect.gen(function* () {
      const tunnel = (overrides: Partial<Server>) =>
        Effect.map(
          examine(project({ servers: [server("web1", overrides)] }), [Answer.portTaken("web1")]),
          ({ found }) => found["web1 tunnel"]
        )
      const taken = "warning: port 9270 is taken on web1; deploys will use another one"
      for (const host of ["127.0.0.1", "localhost"]) {
        expect(yield* tunnel({ host })).toBe("ok: port 40000 is open on 127.0.0.1 only")
      }
      expect(yield* tunnel({ host: "127.0.0.1", proxy: "none" })).toBe("ok: port 40000 is open on 127.0.0.1 only")
      expect(yield* tunnel({})).toBe(taken)
      expect(yield* tunnel({ host: "127.0.0.1", proxy: "bastion.example.com" })).toBe(taken)
    })
  )

  it.effect("fails the engine's check if a deploy cannot use it", () =>
    Effect.gen(function* () {
      const answers = [Answer.when({ on: "web1", command: "jiji:probe.sh" }, Answer.fails("no such thing"))]
      const { found } = yield* examine(two, answers)
      expect(found["web1 engine"]).toBe("failed: docker failed to list containers on web1 (exit code 1): no such thing")
      expect(found["web2 engine"]).toBe("ok: docker 26.1.3")
    })
  )

  it.effect("ends in limited time if a server never answers a command", () =>
    Effect.gen(function* () {
      const { found } = yield* examine(two, [Answer.when({ on: "web1", command: "*" }, Answer.hangs)])
      expect(found["web1 engine"]).toBe("failed: No answer within 90 s.")
      expect(found["web1 tunnel"]).toBe("skipped: the server could not be checked")
      expect(found["web2 registry"]).toStartWith("ok:")
    })
  )

  it.effect("corrects a server's clock for the network delay", () =>
    Effect.gen(function* () {
      // Two seconds of delay each way, ten seconds for the script, and a clock that is a minute ahead.
      const answers = [
        Answer.when({ on: "web1", command: "jiji:look.sh" }, () =>
          Effect.gen(function* () {
            yield* Effect.sleep("2 seconds")
            const now = (yield* Clock.currentTimeMillis) / 1000 + 60
            yield* Effect.sleep("12 seconds")
            const { stdout } = facts()
            return succeeded(stdout.replace("began 0", `began ${now}`).replace("ended 0", `ended ${now + 10}`))
          })
        )
      ]
      const { found } = yield* examine(project(), answers)
      expect(found["web1 clock"]).toBe("warning: 60 s ahead of this machine's")
    })
  )

  it.effect("reports the error of a connection that is lost during the checks", () =>
    Effect.gen(function* () {
      const lost = new ConnectionLost({ server: "web1" })
      const { found } = yield* examine(project(), [Answer.tunnelLost("web1")])
      expect(found["web1 tunnel"]).toBe(`failed: ${lost.message}`)
      expect(found["web1 registry"]).toBe("skipped: the tunnel failed")
    })
  )

  it.effect("tries a build for every platform of the servers, and reports the builder's error", () =>
    Effect.gen(function* () {
      const servers = [server("web1"), server("web2", { arch: "arm64" })]
      const built: Array<string | undefined> = []
      const override: Override = (_, { arguments: given, script }) => {
        if (script !== "build") return undefined
        built.push(given?.["platform"])
        return given?.["platform"] === "linux/arm64" ? failed("exec format error") : succeeded("")
      }
      const { found } = yield* examine(project({ servers, services: [service("web", ["web1", "web2"])] }), [
        Answer.from(override)
      ])
      expect(built).toEqual(["linux/amd64", "linux/arm64"])
      expect(found["this machine build"]).toContain("exec format error")
      expect(found["web2 processor"]).toBe("failed: it is amd64, but deploy.yml says arm64")
    })
  )

  it.effect("inspects the registry's container without creating or starting it", () =>
    Effect.gen(function* () {
      const shop = project({ registry: { type: "local", port: 9, container: { image: "registry:3" } } })
      const registryCheck = (inspected: ReturnType<typeof succeeded>) =>
        Effect.map(
          examine(shop, [Answer.from((_, { words }) => (words[1] === "inspect" ? inspected : undefined))]),
          ({ entries, found }) => {
            const words = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command.words.join(" ")] : []))
            expect(words.filter((line) => /docker (run|start|create)/.test(line))).toEqual([])
            return found["this machine registry"]
          }
        )
      expect(yield* registryCheck(failed("Error: No such object: jiji-registry"))).toBe(
        "ok: port 9 is free, and the next deploy creates the registry's container"
      )
      for (const status of ["exited", "created", "paused"]) {
        expect(yield* registryCheck(succeeded(`${status} 9\n`))).toBe(
          "ok: port 9 is free, and the next deploy starts the registry's container"
        )
      }
      expect(yield* registryCheck(succeeded("running \n"))).toStartWith(
        "failed: This machine has a container jiji-registry"
      )
      expect(yield* registryCheck(succeeded("running 9271\n"))).toStartWith(
        "failed: The registry's container jiji-registry uses port 9271, but deploy.yml sets port 9."
      )
      for (const status of ["running", "restarting"]) {
        expect(yield* registryCheck(succeeded(`${status} 9\n`))).toMatch(
          /^failed: .* did not answer at http:\/\/127\.0\.0\.1:9\/v2\//
        )
      }
    })
  )
})

const looked = { processor: "amd64", ahead: 0 }

test.each([
  ["docker", "20.10.24+dfsg1", "ok"],
  ["docker", "20.9.1", "warning"],
  ["docker", "19.03.15", "warning"],
  ["docker", "28.2.2", "ok"],
  ["podman", "4.3.1", "ok"],
  ["podman", "3.4.4", "warning"],
  ["podman", "5.0.0-dev", "ok"]
] as const)("%s %s is %s", (name, version, status) => {
  expect(findings.engine("web1", { ...looked, engine: { name, version } }, name).status).toBe(status)
})

test.each([
  [41e9, "ok", "41 GB"],
  [2e9, "ok", "2.0 GB"],
  [1.99e9, "warning", "2.0 GB"],
  [999.9e6, "warning", "1.0 GB"],
  [200e6, "warning", "200 MB"],
  [199e6, "failed", "199 MB"],
  [0, "failed", "0.0 MB"]
])("%d bytes free are %s", (free, status, text) => {
  const [check] = findings.disk("web1", { ...looked, disk: { free, folder: "/var/lib/docker" } })
  expect(check).toMatchObject({ status, text: `${text} free in /var/lib/docker` } as never)
})

test.each([
  [30_000, "ok", "30 s off"],
  [-1234, "ok", "1.2 s off"],
  [31_000, "warning", "31 s ahead of this machine's"],
  [-90_000, "warning", "90 s behind this machine's"]
])("a clock that is %d ms ahead is %s", (ahead, status, text) => {
  expect(findings.clock("web1", { ...looked, ahead })).toMatchObject({ status, text } as never)
})

test.each<[Pick<ServerEngine, "api" | "apiUnusable">, string, string]>([
  [{ api: "1.41" }, "ok: docker 20.10.24 (API 1.41)", ""],
  [{}, "ok: docker 20.10.24", ""],
  [{ apiUnusable: "host" }, "ok: docker 20.10.24, by its client: DOCKER_HOST is not a Unix socket", ""],
  [
    { apiUnusable: "forwarding" },
    "warning: docker 20.10.24, by its client: sshd does not forward Unix sockets",
    "Set `AllowStreamLocalForwarding yes` and `AllowTcpForwarding yes` in /etc/ssh/sshd_config on web1"
  ],
  [
    { apiUnusable: "permission" },
    "warning: docker 20.10.24, by its client: the user may not use its socket",
    "Let the user on web1 use docker's socket"
  ],
  [{ apiUnusable: "new" }, "warning: docker 20.10.24, by its client: its API is too new", "Update jiji."]
])("the engine's check says how jiji uses docker: %j", (way, expected, help) => {
  const engine = { name: "docker", version: "20.10.24" } as const
  const check = findings.engine("web1", { ...looked, engine }, "docker", way)
  expect(`${check.status}: ${check.text}`).toBe(expected)
  if (help === "") expect(check.remedy).toBeUndefined()
  else expect(check.remedy).toMatch(new RegExp(`^${help}.* Until then, deploys work but take longer.$`))
})

test("the engine's check says which engine is used instead of the wanted one, and how", () => {
  const engine = { name: "docker", version: "20.10.24" } as const
  const { text } = findings.engine("web1", { ...looked, engine }, "podman", { api: "1.41" })
  expect(text).toBe("docker 20.10.24 (API 1.41), because podman is not installed")
})

test("a server on which names do not work is a failed check, with what to install", () => {
  expect(findings.names("web1", looked)).toEqual([])
  const [check] = findings.names("web1", { ...looked, lacksForNames: "aardvark-dns" })
  expect(check).toMatchObject({
    status: "failed",
    text: expect.stringContaining("aardvark-dns is not installed there"),
    remedy: expect.stringContaining("apt-get install aardvark-dns")
  })
})
