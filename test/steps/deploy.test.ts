import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { label } from "../../src/layers/shell/Machine.ts"
import { it } from "../support/effect.ts"
import { failed, type Override, project, rehearse, succeeded, server, service } from "./rehearsal.ts"
import { errors } from "./deploys.ts"

describe("a deploy that fails", () => {
  const servers = [server("web1"), server("web2")]
  const two = project({ servers, services: [service("web", ["web1", "web2"])] })
  const at =
    (name: string, script: string, output: string): Override =>
    (machine, command) =>
      label(machine) === name && command.script === script ? failed(output) : undefined

  it.effect("on one server still completes on the others", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(two, { override: at("web1", "pull", "manifest unknown") })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNotFound", machine: "web1" }])
      expect(on("web1").some((line) => line.startsWith("replace"))).toBe(false)
      expect(on("web2").some((line) => line.startsWith("replace"))).toBe(true)
      expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", failures: [{ tag: "ImageNotFound" }] })
    })
  )

  it.effect("during the build changes nothing on any server", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(two, {
        override: (_, { words }) => (words[1] === "build" ? failed("no such file\n") : undefined)
      })
      expect(errors(exit)).toMatchObject([{ _tag: "BuildFailed", service: "web" }])
      expect(all.filter((line) => /pull|replace|serve|forward/.test(line))).toEqual([])
    })
  )

  it.effect("does not pull an image that the server's processor cannot run", () =>
    Effect.gen(function* () {
      const unsaid = project({ servers: [server("web1"), server("pi", { arch: "arm64" })] })
      const { arch: _, ...web1 } = server("web1")
      const { exit, on } = yield* rehearse(
        { ...unsaid, servers: [web1], services: [service("web", ["web1"])] },
        {
          override: (_, { script, words }) =>
            script === "probe"
              ? succeeded("docker 20.10 aarch64\n[]")
              : words[1] === "image"
                ? succeeded('[{"Id":"sha256:i1","Architecture":"amd64","Size":1,"RepoDigests":null}]')
                : undefined
        }
      )
      expect(errors(exit)).toMatchObject([{ _tag: "ArchitectureMismatch", image: "amd64", needed: "arm64" }])
      expect(on("web1").some((line) => line.startsWith("pull"))).toBe(false)
    })
  )

  it.effect("rejects a version that is not a valid tag", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(project(), { requestedVersion: "v1/beta" })
      expect(errors(exit)).toMatchObject([{ _tag: "ImageNameInvalid", part: "tag" }])
      expect(all).toEqual([])
    })
  )
})

describe("the strategy for replacing a container", () => {
  const strategy = (overrides: Parameters<typeof service>[2]) =>
    Effect.map(
      rehearse(project({ services: [service("web", ["web1"], overrides)] })),
      ({ on }) => /strategy=(\w+)/.exec(on("web1").join("\n"))?.[1]
    )

  it.effect("depends on its ports and volumes", () =>
    Effect.gen(function* () {
      const found = yield* Effect.forEach(
        [
          {},
          { ports: ["80"] },
          { ports: ["8080:80"] },
          { volumes: ["/srv/a:/a:ro", "b:/b:z,ro"] },
          { volumes: ["data:/ro"] },
          { volumes: ["data:/data"], ports: ["8080:80"] },
          { volumes: ["/srv/a:/a:ro"], ports: ["8080:80"] }
        ],
        strategy
      )
      expect(found).toEqual(["beside", "beside", "trial", "beside", "stop", "stop", "trial"])
    })
  )
})
