import { expect } from "bun:test"
import { Duration, Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText } from "./project.ts"
import { length, service, testProblems } from "./problems.ts"

it.live("gives a release five minutes", () =>
  Effect.gen(function* () {
    const { services } = yield* loadText(service("release: { command: [bin/migrate, 0755] }"))
    expect(services[0]?.release).toEqual({ command: ["bin/migrate", "0755"], timeout: Duration.minutes(5) })
  })
)

testProblems([
  ["no command", service("release: { timeout: 5m }"), "8 services.web.release.command: is missing"],
  [
    "an empty command",
    service("release: { command: [] }"),
    "8 services.web.release.command: must be a list with at least one word, not an empty list"
  ],
  [
    "a timeout without a unit",
    service("release: { command: [a], timeout: 5 }"),
    `8 services.web.release.timeout: ${length}, not 5`
  ]
])
