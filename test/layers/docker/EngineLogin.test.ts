import { describe, expect } from "bun:test"
import { writeFileSync } from "node:fs"
import { Effect, Layer, Option } from "effect"
import type { Command, Output } from "../../../src/layers/processes/Command.ts"
import { findLogin } from "../../../src/layers/docker/EngineLogin.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Recording from "../../../src/rehearsal/layers.ts"
import { it } from "../../support/effect.ts"
import { folder } from "../registry/fixtures.ts"

const said = (stdout: string, exitCode = 0) => ({ stdout, stderr: "", exitCode })
const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") })

/** Engines and helpers that answer so. */
const answering = (answer: (command: Command) => Output) =>
  Recording.layer([Answer.from((_, command) => answer(command))]).pipe(
    Layer.provide(Events.layer),
    Layer.provide(Scrubber.layer),
    Layer.merge(Platform.layer)
  )

/** Who docker is logged in as, with this configuration, and a credential helper that answers so. */
const asDocker = Effect.fnUntraced(function* (server: string, config: unknown, helper = said("", 1)) {
  const directory = yield* folder
  writeFileSync(`${directory}/config.json`, typeof config === "string" ? config : JSON.stringify(config))
  const answer = ({ words }: Command) => (words.join(" ") === "docker-credential-pass list" ? helper : said("", 1))
  return yield* findLogin("docker", server, directory).pipe(Effect.provide(answering(answer)))
})

describe("the engine's login", () => {
  it.live("reads docker's file, by the registry's name or Docker Hub's own", () =>
    Effect.gen(function* () {
      const config = { auths: { "ghcr.io": auth("me:a:b"), "https://index.docker.io/v1/": auth("you:x") } }
      expect(yield* asDocker("ghcr.io", config)).toEqual(Option.some("me"))
      for (const hub of ["docker.io", "index.docker.io", "registry-1.docker.io"]) {
        expect(yield* asDocker(hub, config)).toEqual(Option.some("you"))
      }
      expect(yield* asDocker("registry.example.com", config)).toEqual(Option.none())
    })
  )

  it.live("asks the machine's keychain for the user, but not for the password", () =>
    Effect.gen(function* () {
      const helper = said(JSON.stringify({ "ghcr.io": "me" }))
      expect(yield* asDocker("ghcr.io", { auths: { "ghcr.io": {} }, credsStore: "pass" }, helper)).toEqual(
        Option.some("me")
      )
      expect(yield* asDocker("ghcr.io", { credHelpers: { "ghcr.io": "pass" } }, helper)).toEqual(Option.some("me"))
      expect(yield* asDocker("ghcr.io", { credsStore: "pass" })).toEqual(Option.none())
    })
  )

  it.live("is none without a readable file", () =>
    Effect.gen(function* () {
      expect(yield* asDocker("ghcr.io", "{")).toEqual(Option.none())
      expect(yield* asDocker("ghcr.io", { credsStore: "../evil" })).toEqual(Option.none())
    })
  )
})

it.live("asks podman itself", () =>
  Effect.gen(function* () {
    const layer = answering(({ words }) => (words.includes("ghcr.io") ? said("me\n") : said("", 125)))
    expect(yield* Effect.provide(findLogin("podman", "ghcr.io", "/nowhere"), layer)).toEqual(Option.some("me"))
    expect(yield* Effect.provide(findLogin("podman", "quay.io", "/nowhere"), layer)).toEqual(Option.none())
  })
)
