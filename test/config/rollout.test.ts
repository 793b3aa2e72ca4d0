import { expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, smallest } from "./project.ts"
import { testProblems, top } from "./problems.ts"

it.live("deploys to all servers at the same time by default", () =>
  Effect.gen(function* () {
    expect((yield* loadText(smallest)).rollout).toBeUndefined()
    expect((yield* loadText(top("deploy: { canary: 2 }"))).rollout).toEqual({ strategy: "parallel", canary: 2 })
    expect((yield* loadText(top("deploy: { strategy: rolling }"))).rollout).toEqual({ strategy: "rolling" })
  })
)

const count = "must be a whole number of servers, 1 or more"
testProblems([
  [
    "an unknown strategy",
    top("deploy: { strategy: serial }"),
    '8 deploy.strategy: must be parallel or rolling, not "serial"'
  ],
  ["a batch of no server", top("deploy: { strategy: rolling, batch: 0 }"), `8 deploy.batch: ${count}, not 0`],
  ["half a canary", top("deploy: { canary: 0.5 }"), `8 deploy.canary: ${count}, not 0.5`],
  ["a batch without batches", top("deploy: { batch: 2 }"), "8 deploy.batch: works only with strategy: rolling"],
  [
    "an unknown key",
    top("deploy: { strategy: rolling, size: 2 }"),
    "8 deploy.size: is not a known key; use strategy, batch or canary"
  ]
])
