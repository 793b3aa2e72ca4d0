import { Effect, FileSystem, Path } from "effect"
import type { Project } from "../../config/Project.ts"
import { Git } from "../git/Git.ts"
import { joinWords } from "../../core/text.ts"

/** Something that a run can do without, and that its user should know: what it is, and what to do. */
export interface Warning {
  readonly text: string
  readonly remedy: string
}

/** Files of these endings hold examples, and are meant to be seen. */
const secretFile = /^\.env(?:\.(?!(?:example|sample|template|dist)$)[\w.-]+)?$/u

/** The `.env` files of a folder, and whether others than their owner can read them. */
const secretFiles = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* Effect.orElseSucceed(fs.readDirectory(root), (): ReadonlyArray<string> => [])
  const files = yield* Effect.forEach(names.filter((name) => secretFile.test(name)).sort(), (name) =>
    fs.stat(path.join(root, name)).pipe(
      Effect.map(({ mode, type }) => (type === "File" ? [{ name, open: (mode & 0o077) !== 0 }] : [])),
      Effect.orElseSucceed(() => [])
    )
  )
  return files.flat()
})

/** What is worth a warning about how a project keeps its secrets. It costs a look at a folder, and git where there is one. */
export const storageWarnings = Effect.fnUntraced(function* ({ registry, root }: Project) {
  const found: Array<Warning> = []
  const files = yield* secretFiles(root)
  const open = files.filter((file) => file.open).map(({ name }) => name)
  if (open.length > 0) {
    found.push({
      text: `${joinWords(open)} can be read by other users of this machine.`,
      remedy: `Run: chmod 600 ${open.join(" ")}`
    })
  }
  const names = files.map(({ name }) => name)
  const git = yield* Git
  const committable =
    names.length === 0 ? [] : yield* Effect.orElseSucceed(git.committable(root, names), (): ReadonlyArray<string> => [])
  if (committable.length > 0) {
    const are = committable.length === 1 ? "is" : "are"
    found.push({
      text: `${joinWords(committable)} ${are} not ignored by git, and may end up in a commit.`,
      remedy: "Add the line `.env*` to .gitignore; `git rm --cached FILE` takes out one that is in git already."
    })
  }
  if (registry.type === "remote" && registry.password?._tag === "Literal") {
    found.push({
      text: "The password under builder.registry is written into deploy.yml.",
      remedy: "Put it into .env, as REGISTRY_PASSWORD=…, and write `password: REGISTRY_PASSWORD` in its place."
    })
  }
  return found
})
