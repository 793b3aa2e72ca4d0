import { expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, smallest } from "./project.ts"

const table: ReadonlyArray<readonly [text: string, message: string]> = [
  ["service: shop\n", "service: is not a known key; did you mean `project`?"],
  ["service: { web: {} }\n", "service: is not a known key; did you mean `services`?"],
  ["registry: { server: ghcr.io }\n", "registry: is not a known key; did you mean `builder.registry`?"],
  ["    env: { A: b }\n", "services.web.env: is not a known key; did you mean `environment`?"]
]

for (const [more, message] of table) {
  it.live(`suggests the key for the name that other tools use: ${message}`, () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(loadText(`${smallest}${more}`))).message).toContain(message)
    })
  )
}

it.live("suggests the architecture for the name that uname prints", () =>
  Effect.gen(function* () {
    for (const [written, meant] of [
      ["x86_64", "amd64"],
      ["aarch64", "arm64"]
    ] as const) {
      const text = smallest.replace("host: 203.0.113.10", `host: 203.0.113.10, arch: ${written}`)
      expect((yield* Effect.flip(loadText(text))).message).toContain(`not "${written}"; use ${meant}`)
    }
  })
)
