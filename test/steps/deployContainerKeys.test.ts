import { describe, expect } from "bun:test"
import { Duration, Effect, Redacted } from "effect"
import type { Service } from "../../src/config/Project.ts"
import { decodeContainers } from "../../src/layers/docker/inspect.ts"
import { entryLines } from "../../src/rehearsal/commandText.ts"
import { it } from "../support/effect.ts"
import { type Override, project, rehearse, service, succeeded } from "./rehearsal.ts"

const web = (overrides: Partial<Service>) => project({ services: [service("web", ["web1"], overrides)] })

const container = (Config: object, Name = "on-failure", MaximumRetryCount = 5) => ({
  Id: "c0ffee",
  Name: "/shop-web",
  Image: "sha256:i1",
  State: { Status: "running", Running: true },
  HostConfig: { RestartPolicy: { Name, MaximumRetryCount } },
  Config
})
const labels = { "jiji.project": "shop", "jiji.service": "web", "jiji.restart": "on-failure:5" }

/** Rehearses a deploy, and returns the command that replaces the container, and the lines that a dry run prints of it. */
const replacing = Effect.fnUntraced(function* (service: Partial<Service>, override?: Override) {
  const env = { TLS_KEY: "the-secret" }
  const { entries } = yield* rehearse(web(service), { env, ...(override && { override }) })
  const entry = entries.find((each) => each._tag === "Command" && each.command.script === "replace")
  if (entry?._tag !== "Command") throw new Error("nothing replaces the container")
  return { command: entry.command, lines: entryLines(entry) }
})

describe("a deploy of a container with settings", () => {
  it.effect("shows the engine's words in a dry run", () =>
    Effect.gen(function* () {
      const settings = {
        memory: "512m",
        labels: { tier: "web" },
        entrypoint: ["start", "-v"],
        restart: "no",
        init: true
      }
      const { lines } = yield* replacing({ settings, command: ["serve"] })
      const [create = "", ...rest] = lines
      expect(create).toStartWith("docker create --name shop-web-next --restart no --network-alias web --ip ")
      expect(create).toContain(" --network jiji-shop --pull never --label 'tier=web' ")
      expect(create).toContain(" --label 'jiji.restart=no' --memory 512m --entrypoint start --init ")
      expect(create).toEndWith(" -v serve")
      expect(rest).toEqual([
        "docker start shop-web-next",
        "docker update --restart no shop-web-next",
        "docker rename shop-web-next shop-web"
      ])
    })
  )

  it.effect("shows where files are mounted from, and none of their contents", () =>
    Effect.gen(function* () {
      const content = Redacted.make(new Uint8Array(Buffer.from("from the project")))
      const { command, lines } = yield* replacing({
        files: [
          { source: { _tag: "Project", path: "a.conf", content }, target: "/etc/a.conf", mode: "0444" },
          { source: { _tag: "Secret", name: "TLS_KEY" }, target: "/run/tls.key", mode: "0400" }
        ]
      })
      expect(lines[0]).toContain("'type=bind,source=~/.jiji/files/shop-web/1,target=/etc/a.conf,readonly'")
      expect(lines[0]).toContain("'type=bind,source=~/.jiji/files/shop-web/2,target=/run/tls.key,readonly'")
      const stdin =
        command.stdin === undefined || typeof command.stdin === "string" ? "" : Redacted.value(command.stdin)
      const sent = stdin.split("\n").map((line) => Buffer.from(line, "base64").toString())
      expect(sent).toEqual(["from the project", "the-secret", ""])
      expect(command.arguments?.["modes"]).toBe("0444 0400")
      for (const text of ["the-secret", ...stdin.split("\n").filter(Boolean)]) {
        expect(command.words.join(" ")).not.toContain(text)
      }
      // A secret that is only a file is no variable.
      expect(command.env?.["JIJI_NAMES"]).toBe("")
    })
  )

  it.effect("waits as long as the container may take to stop", () =>
    Effect.gen(function* () {
      const times = Effect.fnUntraced(function* (service: Partial<Service>, override?: Override) {
        const { command } = yield* replacing(service, override)
        const seconds = (input: Duration.Input = 0) => Duration.toSeconds(Duration.fromInputUnsafe(input))
        return [seconds(command.limit?.after), seconds(command.cleanup?.timeout), command.arguments?.["stop_timeout"]]
      })
      const old: Override = (_, { script }) =>
        script === "probe"
          ? succeeded(`docker 20.10 x86_64\n${JSON.stringify([container({ Labels: labels, StopTimeout: 110 })])}`)
          : undefined
      const [after = 0, cleanup = 0] = (yield* times({})).map(Number)
      expect(yield* times({ settings: { stop_timeout: 70 } })).toEqual([after + 120, cleanup + 60, "70"])
      expect(yield* times({}, old)).toEqual([after + 200, cleanup + 100, ""])
      // The new time also holds for the old container.
      expect(yield* times({ settings: { stop_timeout: 20 } }, old)).toEqual([after + 20, cleanup + 10, "20"])
    })
  )
})

describe("a container that an engine reports", () => {
  it.effect("has the restart policy of deploy.yml, and its own time to stop", () =>
    Effect.gen(function* () {
      const all = yield* decodeContainers(
        JSON.stringify([
          container({ Labels: labels, StopTimeout: 30 }),
          container({ Labels: { ...labels, "jiji.restart": "\u001b[2J" } }, "always", 5),
          container({ Labels: null, StopTimeout: null }, "on-failure", 0)
        ])
      )
      expect(all.map(({ restart, restartPolicy, stopTimeout }) => [restartPolicy, restart, stopTimeout])).toEqual([
        ["on-failure:5", "on-failure:5", 30],
        ["always", undefined, undefined],
        ["on-failure", undefined, undefined]
      ])
    })
  )
})
