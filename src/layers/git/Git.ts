import { Context, Effect, Layer, Option } from "effect"
import { type ProcessError, script } from "../processes/Command.ts"
import versionScript from "./version.sh" with { type: "text" }
import { Processes } from "../processes/Processes.ts"

/** Reads the git repository of the project's files. */
export class Git extends Context.Service<
  Git,
  {
    /**
     * A folder's version: the short commit hash; plus `-dirty-` and 8 digits of a content hash if files differ from the
     * commit. None if there is no commit. Ignores changes in `.jiji`.
     */
    version(folder: string): Effect.Effect<Option.Option<string>, ProcessError>
    /** The files that git tracks or does not ignore. Empty outside a repository. */
    notIgnored(folder: string, files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, ProcessError>
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
        notIgnored: Effect.fnUntraced(function* (folder, files) {
          const words = ["git", "-C", folder, "check-ignore", "--", ...files] as const
          const { exitCode, stdout } = yield* run({ words })
          // The exit code is 1 if no file is ignored. A higher code is an error.
          if (exitCode > 1) return []
          const ignored = new Set(stdout.split("\n"))
          return files.filter((file) => !ignored.has(file))
        })
      })
    })
  )
}
