import { Effect, Option } from "effect"
import type { Project } from "../../config/Project.ts"
import { secretNames } from "../../config/secretNames.ts"
import { storageWarnings } from "../../layers/secrets/storageWarnings.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import * as Step from "../../pipeline/Step.ts"
import { catchAsCheck, type Check, CheckResult, thisMachine, checksFor } from "./Check.ts"

const summary = (found: ReadonlyArray<string>): string =>
  found.length === 0 ? "no secrets are used" : `found ${found.join(", ")}`

/** Finds every secret that a deploy needs, shows where each is, and warns about how they are stored. */
export const step = Step.make(
  "secrets",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const secrets = yield* Secrets
    const names = secretNames(project)
    const find = Effect.gen(function* () {
      yield* secrets.resolve(names)
      const found = yield* Effect.forEach(names, (name) =>
        Effect.map(
          secrets.locate(name),
          (place) => `${name} (${Option.match(place, { onNone: () => "nowhere", onSome: (found) => found.place })})`
        )
      )
      const checks: ReadonlyArray<Check> = [checksFor(thisMachine).ok("secrets", summary(found))]
      return { checks }
    })
    const { checks } = yield* catchAsCheck(thisMachine, "secrets", find, (check) => ({ checks: [check] }))
    const kept = (yield* storageWarnings(project)).map(({ remedy, text }) =>
      checksFor(thisMachine).warning("secrets", text, remedy)
    )
    const all: ReadonlyArray<Check> = [...checks, ...kept]
    return { checks: all }
  }),
  { result: CheckResult }
)
