import { expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../effect.ts"
import { loadText, smallest } from "./project.ts"

const table: ReadonlyArray<readonly [text: string, says: string]> = [
  ["service: shop\n", "service: is not a known key; did you mean `project`?"],
  ["service: { web: {} }\n", "service: is not a known key; did you mean `services`?"],
  ["registry: { server: ghcr.io }\n", "registry: is not a known key; did you mean `builder.registry`?"],
  ["    env: { A: b }\n", "services.web.env: is not a known key; did you mean `environment`?"]
]

for (const [more, says] of table) {
  it.live(`what other tools call it leads to the key: ${says}`, () =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(loadText(`${smallest}${more}`))).message).toContain(says)
    })
  )
}

it.live("a processor by the name that uname has for it leads to its other name", () =>
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
