import { Effect, Option, Schema } from "effect"
import { withTag } from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { contextHash } from "./contextHash.ts"
import { Git } from "../layers/git/Git.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"

/**
 * Decides the tag of the run's images: `requestedVersion`, else git's short commit (with `-dirty-` and a content hash if
 * files differ from it), else a hash of the build contexts. Also finds the commit: a resumed run must keep both, although
 * there may be newer commits by then.
 */
export const step = Step.make(
  "version",
  Effect.fnUntraced(function* ({
    commit,
    project,
    requestedVersion
  }: {
    readonly project: Project
    readonly requestedVersion?: string
    /** Finds the commit that is deployed. */
    readonly commit?: Effect.Effect<Option.Option<string>>
  }) {
    const builds = project.services.flatMap(({ source }) => (source._tag === "Build" ? [source] : []))
    const found = commit === undefined ? undefined : Option.getOrUndefined(yield* commit)
    const about: { readonly sourceCommit?: string } = found === undefined ? {} : { sourceCommit: found }
    if (builds.length === 0) return Step.skip("no service is built", { version: requestedVersion ?? "", ...about })
    const { publish } = yield* Events
    const committed =
      requestedVersion === undefined
        ? yield* Effect.catchTag((yield* Git).version(project.root), "GitFailed", ({ folder, output }) =>
            Effect.as(
              publish({
                _tag: "StepNoted",
                level: "warning",
                text: `The version is a hash of the files to build, because git cannot read the repository of ${folder}: ${output}`
              }),
              Option.none<string>()
            )
          )
        : Option.some(requestedVersion)
    const version = Option.isSome(committed)
      ? committed.value
      : yield* contextHash([...new Set(builds.flatMap(({ context, dockerfile }) => [context, dockerfile]))])
    // It must be valid as a tag.
    yield* Effect.fromResult(withTag({ path: "name" }, version))
    yield* publish({ _tag: "StepNoted", level: "info", text: version })
    return { version, ...about }
  }),
  { result: Schema.Struct({ version: Schema.String, sourceCommit: Schema.optionalKey(Schema.String) }) }
)
