import { expect } from "bun:test"
import { Effect, Exit } from "effect"
import type { BuildSource } from "../../src/config/Project.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import * as Report from "../../src/steps/doctor/Report.ts"
import { doctor } from "../../src/steps/DoctorPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { project, server, service, succeeded } from "./rehearsal.ts"

const facts = succeeded("began 0\nprocessor x86_64\nengine docker 28.2.2\nfree 41000000 /var/lib/docker\nended 0\n")

/** What doctor says about builds on a machine whose `builder.sh` prints this. */
const examine = Effect.fnUntraced(function* (builder: string, source: Partial<BuildSource>) {
  const plain: BuildSource = { _tag: "Build", context: "/srv/web", dockerfile: "/srv/web/Dockerfile", args: {} }
  const web = service("web", ["web1", "web2"], { source: { ...plain, ...source } })
  const of = project({ servers: [server("web1"), server("web2", { arch: "arm64" })], services: [web] })
  const answer = Answer.from((machine, { script }) => {
    if (script === "look") return facts
    return script === "builder" && label(machine) === "local" ? succeeded(`${builder}\n`) : undefined
  })
  const { entries, events, exit } = yield* Rehearsal.run(doctor, { project: of }, { answers: [answer] })
  expect(Exit.isSuccess(exit)).toBe(true)
  const { machines } = Report.make(Report.checksOf(events), of)
  const check = machines.flatMap(({ checks, name }) =>
    name === "this machine" ? checks.filter((each) => each.name === "build") : []
  )[0]
  const built = entries.filter((entry) => entry._tag === "Command" && entry.command.script === "build")
  return { status: check?.status, text: check?.text, remedy: check?.remedy, builds: built.length }
})

it.effect("jiji doctor says what a build needs and the engine lacks", () =>
  Effect.gen(function* () {
    const platforms = yield* examine("plain 28.2.2 unset", {})
    expect(platforms).toMatchObject({ status: "failed", builds: 0 })
    expect(platforms.text).toContain("build.platforms needs BuildKit")
    expect(platforms.remedy).toContain("docker-buildx")
    const ssh = yield* examine("buildx 28.2.2 unset", { ssh: true })
    expect(ssh.text).toContain("SSH_AUTH_SOCK is not set")
  })
)

it.effect("jiji doctor tries a build for each platform if the engine can do what builds need", () =>
  Effect.gen(function* () {
    expect(yield* examine("buildx 28.2.2 found", { ssh: true })).toMatchObject({
      status: "ok",
      text: "builds for linux/amd64 and linux/arm64",
      builds: 2
    })
  })
)
