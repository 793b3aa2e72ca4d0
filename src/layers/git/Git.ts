import { Context, Effect, Layer, Option } from "effect"
import { type ProcessError, script } from "../processes/Command.ts"
import versionScript from "./version.sh" with { type: "text" }
import { Processes } from "../processes/Processes.ts"

/** What git knows of the project's files. */
export class Git extends Context.Service<
  Git,
  {
    /** The short commit of a folder, with `-dirty-` and a content hash where files differ; none outside a repository. */
    version(folder: string): Effect.Effect<Option.Option<string>, ProcessError>
    /** The files of a folder that a commit could take in, or has; none outside a repository. */
    committable(folder: string, files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, ProcessError>
  }
>()("jiji/layers/git/Git") {
  static readonly layer = Layer.effect(
    Git,
    Effect.gen(function* () {
      const { run } = yield* Processes
      return Git.of({
        version: Effect.fnUntraced(function* (folder) {
          const { exitCode, stdout } = yield* run(script("version", versionScript, [folder]))
          return exitCode === 0 ? Option.some(stdout.trim()) : Option.none()
        }),
        committable: Effect.fnUntraced(function* (folder, files) {
          const words = ["git", "-C", folder, "check-ignore", "--", ...files] as const
          const { exitCode, stdout } = yield* run({ words })
          // 1 where none is ignored; anything else is no answer.
          if (exitCode > 1) return []
          const ignored = new Set(stdout.split("\n"))
          return files.filter((file) => !ignored.has(file))
        })
      })
    })
  )
}
