import { Context, Effect, Layer, Option, RcMap, Redacted } from "effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { Scrubber } from "../../core/Scrubber.ts"
import { Secrets } from "../../layers/secrets/Secrets.ts"
import { HookSecretMissing, HookSecrets } from "../../serve/triggers/HookSecrets.ts"

/** How long the secrets of a project are kept without use. They are read again when its .env changes. */
const keptFor = "10 minutes"

/** A version of a project's .env. */
const stampOf = (folder: string): string => {
  const stat = statSync(join(folder, ".env"), { throwIfNoEntry: false })
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`
}

/** The secrets of triggers, found as a project's runs find theirs. Only those that a trigger names are read. */
export const hookSecretsLayer = Layer.effect(
  HookSecrets,
  Effect.gen(function* () {
    const scrubber = yield* Scrubber
    const sources = yield* RcMap.make({
      // The stamp is a part of the key, so that a changed file gives new secrets.
      lookup: (key: string) => Layer.build(Layer.fresh(Secrets.layer({ root: key.split("\n")[0] ?? "" }))),
      idleTimeToLive: keptFor
    })
    /** Uses the secrets of the project in a folder. */
    const use = <A, E>(folder: string, run: (secrets: Secrets["Service"]) => Effect.Effect<A, E>) =>
      Effect.scoped(
        Effect.flatMap(RcMap.get(sources, `${folder}\n${stampOf(folder)}`), (context) =>
          run(Context.get(context, Secrets))
        )
      )
    return HookSecrets.of({
      resolve: (folder, name) =>
        use(folder, (secrets) => secrets.resolve([name])).pipe(
          Effect.mapError(({ message }) => message),
          Effect.flatMap((values) => {
            const value = values.get(name)
            // `resolve` fails before. Anybody could sign with an empty secret.
            return value === undefined || Redacted.value(value) === ""
              ? Effect.fail("it is empty")
              : Effect.succeed(value)
          }),
          Effect.mapError((detail) => new HookSecretMissing({ name, detail }))
        ),
      findProblem: (folder, name) =>
        use(folder, (secrets) => secrets.findMissing([name])).pipe(
          Effect.map(Option.getOrUndefined),
          Effect.catch(Effect.succeed),
          Effect.map((error) => error?.message)
        ),
      scrub: (value) => scrubber.deep(value)
    })
  })
)
