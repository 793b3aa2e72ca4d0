import { Effect, FileSystem, Path } from "effect"
import { parseDotEnv } from "../config/DotEnv.ts"
import { readRegularFile } from "../config/regularFile.ts"
import { type DockerfileFacts, readDockerfile } from "./dockerfile.ts"

/** A text file of the project. `name` is its path in the project. */
interface ProjectFile {
  readonly name: string
  readonly text: string
}

/** What jiji finds in a project without deploy.yml. */
export interface Findings {
  /** The absolute path of the project's folder. */
  readonly root: string
  readonly dockerfile?: DockerfileFacts & { readonly name: string }
  readonly compose?: ProjectFile
  readonly kamal?: ProjectFile & {
    readonly destinations: ReadonlyArray<ProjectFile & { readonly destination: string }>
    /** The files in `.kamal/hooks`. */
    readonly hooks: ReadonlyArray<string>
  }
  /** The variables of `.env.example`; undefined values are commands or empty. */
  readonly variables: ReadonlyArray<readonly [name: string, value: string | undefined]>
  /** The remote repository, such as `acme` and `shop` on `github.com`. */
  readonly remote?: { readonly host: string; readonly owner: string; readonly name: string }
  /** Whether git tracks the folder. */
  readonly isRepository: boolean
  readonly gitignore?: string
  readonly dockerignore?: string
  /** Whether the npm package jiji, with its schema, is in node_modules. */
  readonly hasPackage: boolean
}

/** The parts of a git remote's URL: `git@github.com:acme/shop.git`, `https://github.com/acme/shop`. */
export const parseRemote = (url: string): Findings["remote"] => {
  const [, host, path = ""] =
    /^(?:[a-z+]+:\/\/)?(?:[^@/\s]+@)?([A-Za-z0-9.-]+)(?::\d+)?[:/](.+?)(?:\.git)?\/*$/u.exec(url.trim()) ?? []
  const parts = path.split("/").filter((part) => part !== "")
  const name = parts.at(-1)
  const [owner] = parts
  return host === undefined || name === undefined || owner === undefined || parts.length < 2
    ? undefined
    : { host, owner, name }
}

/** The URL of the remote `origin`, else of the first one, in git's configuration. */
const remoteUrl = (config: string): string | undefined => {
  const sections = config.split(/^\s*\[/mu).flatMap((section) => {
    const [, name] = /^remote\s+"([^"]+)"\]/u.exec(section) ?? []
    const [, url] = /^\s*url\s*=\s*(.+)$/mu.exec(section) ?? []
    return name === undefined || url === undefined ? [] : [{ name, url }]
  })
  return (sections.find(({ name }) => name === "origin") ?? sections[0])?.url
}

/** Reads the text of a file. Undefined if it does not exist or cannot be read. */
const readText = (file: string) =>
  readRegularFile(file).pipe(
    Effect.map((bytes) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))),
    Effect.orElseSucceed(() => undefined)
  )

const composeNames = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]
const exampleNames = [".env.example", ".env.sample", ".env.template", ".env.dist"]

/** Looks at the files of a project. */
export const inspect = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const read = (name: string) =>
    Effect.map(readText(path.join(root, name)), (text) => (text === undefined ? undefined : { name, text }))
  const firstOf = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
    for (const name of names) {
      const file = yield* read(name)
      if (file !== undefined) return file
    }
    return undefined
  })
  const dockerfile = yield* firstOf(["Dockerfile", "Containerfile"])
  const compose = yield* firstOf(composeNames)
  const example = yield* firstOf(exampleNames)
  const kamal = yield* firstOf(["config/deploy.yml", "config/deploy.yaml"])
  const listed = (folder: string) =>
    Effect.orElseSucceed(fs.readDirectory(path.join(root, folder)), (): ReadonlyArray<string> => [])
  const beside = yield* listed("config")
  const destinations = yield* Effect.forEach(
    beside.filter((name) => /^deploy\.[A-Za-z0-9][A-Za-z0-9._-]*\.ya?ml$/u.test(name)).toSorted(),
    (name) =>
      Effect.map(read(`config/${name}`), (file) =>
        file === undefined ? [] : [{ ...file, destination: name.replace(/^deploy\.(.*)\.ya?ml$/u, "$1") }]
      )
  )
  const hooks = (yield* listed(".kamal/hooks")).filter((name) => !name.endsWith(".sample")).toSorted()
  const exists = (...parts: ReadonlyArray<string>) => Effect.orElseSucceed(fs.exists(path.join(...parts)), () => false)
  let repository: string | undefined = root
  while (repository !== undefined && !(yield* exists(repository, ".git"))) {
    repository = repository === path.dirname(repository) ? undefined : path.dirname(repository)
  }
  const config = repository === undefined ? undefined : yield* readText(path.join(repository, ".git", "config"))
  const url = config === undefined ? undefined : remoteUrl(config)
  const remote = url === undefined ? undefined : parseRemote(url)
  const gitignore = (yield* read(".gitignore"))?.text
  const dockerignore = (yield* read(".dockerignore"))?.text
  const findings: Findings = {
    root,
    ...(dockerfile !== undefined && { dockerfile: { name: dockerfile.name, ...readDockerfile(dockerfile.text) } }),
    ...(compose !== undefined && { compose }),
    // Rails has other files of this name; Kamal's names a service and an image.
    ...(kamal !== undefined &&
      /^\W*service\W*:/mu.test(kamal.text) && { kamal: { ...kamal, destinations: destinations.flat(), hooks } }),
    variables: [...(example === undefined ? [] : parseDotEnv(example.text).values)].map(
      ([name, value]) => [name, value._tag === "Text" && value.text !== "" ? value.text : undefined] as const
    ),
    ...(remote !== undefined && { remote }),
    isRepository: repository !== undefined,
    ...(gitignore !== undefined && { gitignore }),
    ...(dockerignore !== undefined && { dockerignore }),
    hasPackage: yield* exists(root, "node_modules/jiji/docs/deploy.schema.json")
  }
  return findings
})
