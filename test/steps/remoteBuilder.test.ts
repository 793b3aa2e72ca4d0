import { describe, expect } from "bun:test"
import { Effect, Exit, Redacted } from "effect"
import type { BuildSource, Project } from "../../src/config/Project.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import * as Report from "../../src/steps/doctor/Report.ts"
import { doctor } from "../../src/steps/DoctorPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { errors, fakeDigest } from "./deploys.ts"
import { failed, project, rehearse, server, service, succeeded } from "./rehearsal.ts"

const builder = server("builder", { host: "203.0.113.50" })
const plain: BuildSource = { _tag: "Build", context: "/srv/web", dockerfile: "/srv/web/Dockerfile", args: {} }
const isBuild = (script: string | undefined) => script === "remote-build"

describe("a deploy that another machine builds for", () => {
  it.effect("sends the context there, and imports the image from there", () =>
    Effect.gen(function* () {
      const { entries, exit, on } = yield* rehearse(project({ builder }))
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "localhost:9270/shop-web:abc1234"
      expect(on("builder")).toEqual([
        "connect",
        `remote-build engine=docker -- docker build --file context/Dockerfile --tag ${name} --platform linux/amd64 context`,
        `docker image inspect ${name}`,
        `docker save ${name}`
      ])
      expect(on("local")).toEqual(["version folder=/srv", "import shop-web:abc1234", "serve 9270"])
      const build = entries.find((entry) => entry._tag === "Command" && isBuild(entry.command.script))
      expect(build).toMatchObject({ command: { input: expect.anything() } })
    })
  )

  it.effect("checks the login of a remote registry there, and pushes from there", () =>
    Effect.gen(function* () {
      const registry = {
        type: "remote",
        server: "ghcr.io",
        username: { _tag: "Literal", value: Redacted.make("me") },
        password: { _tag: "Name", name: "GITHUB_TOKEN" }
      } as const
      const of = project({ builder: server("web1"), registry })
      const { exit, on } = yield* rehearse(of, { env: { GITHUB_TOKEN: "hunter22" } })
      expect(Exit.isSuccess(exit)).toBe(true)
      const name = "ghcr.io/me/shop/web"
      expect(on("local")).toEqual(["version folder=/srv"])
      expect(on("web1").filter((line) => /^(check|push|pull|remote)/.test(line))).toEqual([
        "check engine=docker registry=ghcr.io user=me",
        `remote-build engine=docker -- docker build --file context/Dockerfile --tag ${name}:abc1234 --platform linux/amd64 context`,
        `push engine=docker image=${name}:abc1234 registry=ghcr.io user=me`,
        `pull engine=docker from=${name}@${fakeDigest(`${name}:abc1234`)} name=${name}:abc1234 verify=yes progress=yes registry=ghcr.io user=me`
      ])
    })
  )

  it.effect("says what the machine lacks, and where a build failed", () =>
    Effect.gen(function* () {
      const failure = Effect.fnUntraced(function* (exitCode: number, stderr: string) {
        const override: Parameters<typeof rehearse>[1] = {
          override: (_, { script }) => (isBuild(script) ? { ...failed(stderr), exitCode } : undefined)
        }
        const [error] = errors((yield* rehearse(project({ builder }), override)).exit)
        return error
      })
      expect(yield* failure(42, "jiji: tar is not installed\n")).toMatchObject({
        _tag: "BuilderLacksTar",
        machine: "builder",
        remedy: "Install tar on builder, for example with `apt-get install tar`."
      })
      expect(yield* failure(41, "jiji: docker is not installed\n")).toMatchObject({
        _tag: "EngineMissing",
        message: "docker is not installed on builder."
      })
      // The code of a step, which the machine does not lack anything for.
      expect(yield* failure(42, "npm error\n")).toMatchObject({
        _tag: "BuildFailed",
        message: "The image of web failed to build on builder (exit code 42):\nnpm error"
      })
      expect(yield* failure(1, "pull access denied for acme/base")).toMatchObject({
        remedy: expect.stringContaining("needs a login on builder")
      })
      expect(yield* failure(2, "tar: context/a: Cannot write: No space left on device")).toMatchObject({
        _tag: "DiskFull",
        machine: "builder"
      })
    })
  )

  it.effect("builds everything that needs BuildKit only if the other machine has it", () =>
    Effect.gen(function* () {
      const source = { ...plain, secrets: ["NPM_TOKEN"] }
      const of = project({ builder, services: [service("web", ["web1"], { source })] })
      const found = (printed: string) => ({
        env: { NPM_TOKEN: "hunter22" },
        override: (machine: Parameters<typeof label>[0], { script }: { readonly script?: string }) =>
          script === "builder" && label(machine) === "builder" ? succeeded(`${printed}\n`) : undefined
      })
      const { exit } = yield* rehearse(of, found("plain 28.2.2 unset"))
      expect(errors(exit)).toMatchObject([
        { _tag: "BuilderUnable", message: expect.stringContaining("web on builder: build.secrets needs BuildKit") }
      ])
      const { entries, on } = yield* rehearse(of, found("buildx 28.2.2 unset"))
      const secret = "--secret id=NPM_TOKEN,env=JIJI_SECRET_NPM_TOKEN"
      expect(on("builder").find((line) => line.startsWith("remote-build"))).toContain(secret)
      expect(JSON.stringify(entries)).not.toContain("hunter22")
    })
  )
})

/** What doctor says about the machines of a project, as `machine check: status text`. */
const examine = Effect.fnUntraced(function* (of: Project, found: Readonly<Record<string, string>>) {
  const facts = (engine: string) =>
    succeeded(`began 0\nprocessor x86_64\n${engine}\nfree 41000000 /var/lib/docker\nended 0\n`)
  const answer = Answer.from((machine, { script }) => {
    const engine = found[label(machine)]
    if (script === "look" && engine !== undefined) return facts(engine)
    return script === "builder" ? succeeded("plain 28.2.2 unset\n") : undefined
  })
  const { entries, events, exit } = yield* Rehearsal.run(doctor, { project: of }, { answers: [answer] })
  expect(Exit.isSuccess(exit)).toBe(true)
  const { machines } = Report.make(Report.checksOf(events), of)
  return {
    machines: machines.map(({ name }) => name),
    checks: machines.flatMap(({ checks, name }) =>
      checks
        .filter((check) => ["ssh", "engine", "build"].includes(check.name))
        .map((check) => `${name} ${check.name}: ${check.status} ${check.text}`)
    ),
    builtOn: entries.flatMap((entry) =>
      entry._tag === "Command" && entry.command.script === "build" ? [label(entry.machine)] : []
    )
  }
})

describe("jiji doctor with another machine that builds", () => {
  const docker = "engine docker 28.2.2"

  it.effect("checks it like a server, and tries a build there", () =>
    Effect.gen(function* () {
      const { builtOn, checks, machines } = yield* examine(project({ builder }), { builder: docker, web1: docker })
      expect(machines).toEqual(["this machine", "builder", "web1"])
      expect(checks.filter((line) => line.startsWith("builder"))).toEqual([
        "builder ssh: ok logged in to 203.0.113.50",
        "builder engine: ok docker 28.2.2",
        "builder build: ok builds for linux/amd64"
      ])
      expect(builtOn).toEqual(["builder"])
    })
  )

  it.effect("adds the build to the checks of a server that builds", () =>
    Effect.gen(function* () {
      const { builtOn, checks } = yield* examine(project({ builder: server("web1") }), { web1: docker })
      expect(checks.filter((line) => / (ssh|build): /.test(line)).map((line) => line.split(" ")[1])).toEqual([
        "ssh:",
        "build:"
      ])
      expect(builtOn).toEqual(["web1"])
    })
  )

  it.effect("fails if it has only the other engine, with which jiji would not build", () =>
    Effect.gen(function* () {
      const { builtOn, checks } = yield* examine(project({ builder }), { builder: "engine podman 5.4.2", web1: docker })
      expect(checks).toContain("builder build: failed docker is not installed on builder.")
      expect(builtOn).toEqual([])
    })
  )
})
