import { Effect, FileSystem, Option, Path } from "effect"
import type { Project } from "../../config/Project.ts"
import { Git } from "../git/Git.ts"
import { secretNames } from "../../config/secretNames.ts"
import { joinFirst, joinWords } from "../../core/text.ts"
import { dotEnvFiles, readSource } from "./sources.ts"

/** A problem that does not stop a run, and how to fix it. */
export interface Warning {
  readonly text: string
  readonly remedy: string
}

/** Matches `.env` files, except those with these endings: they contain examples and are not secret. */
const secretFilePattern = /^\.env(?:\.(?!(?:example|sample|template|dist)$)[\w.-]+)?$/u

/** Finds the `.env` files of a folder, and whether users other than the owner can access them. */
const secretFiles = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* Effect.orElseSucceed(fs.readDirectory(root), (): ReadonlyArray<string> => [])
  const files = yield* Effect.forEach(names.filter((name) => secretFilePattern.test(name)).sort(), (name) =>
    fs.stat(path.join(root, name)).pipe(
      Effect.map(({ mode, type }) => (type === "File" ? [{ name, open: (mode & 0o077) !== 0 }] : [])),
      Effect.orElseSucceed(() => [])
    )
  )
  return files.flat()
})

/**
 * The lines of `.env` files that jiji ignores because of syntax errors, such as `.env:4`. Without those of a file where
 * such a line may define a needed secret: a run that needs it fails with them.
 */
const ignoredLines = Effect.fnUntraced(function* (project: Project) {
  const names = secretNames(project)
  if (names.length === 0) return []
  const sources = yield* Effect.forEach(dotEnvFiles(project.environment), (file) =>
    // A run fails with this error if it needs the file.
    Effect.option(readSource(project.root, file))
  )
  return sources.flatMap((source) => {
    if (Option.isNone(source) || names.some(source.value.mayDefine)) return []
    return [...new Set(source.value.faults.map(({ line }) => `${source.value.place}:${line}`))]
  })
})

/** Warnings about how a project stores its secrets. Reads its `.env` files, lists one folder and runs git once. */
export const storageWarnings = Effect.fnUntraced(function* (project: Project) {
  const { registry, root } = project
  const found: Array<Warning> = []
  const ignored = yield* ignoredLines(project)
  if (ignored.length > 0) {
    const [have, them] = ignored.length === 1 ? ["has a syntax error", "it"] : ["have syntax errors", "them"]
    found.push({
      text: `${joinFirst(ignored)} ${have}; jiji ignores ${them}.`,
      remedy: "Write each secret as NAME=value, and start comments with #."
    })
  }
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
  const notIgnored =
    names.length === 0 ? [] : yield* Effect.orElseSucceed(git.notIgnored(root, names), (): ReadonlyArray<string> => [])
  if (notIgnored.length > 0) {
    const are = notIgnored.length === 1 ? "is" : "are"
    found.push({
      text: `${joinWords(notIgnored)} ${are} not ignored by git, and may end up in a commit.`,
      remedy: "Add the line `.env*` to .gitignore. If git already has a file, remove it with: git rm --cached FILE"
    })
  }
  if (registry.type === "remote" && registry.password?._tag === "Literal") {
    found.push({
      text: "deploy.yml contains the registry password (builder.registry.password).",
      remedy: "Move it to .env as REGISTRY_PASSWORD=…, and set `password: REGISTRY_PASSWORD`."
    })
  }
  return found
})
