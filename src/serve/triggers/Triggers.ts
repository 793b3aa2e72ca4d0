import { Context, Effect, FileSystem, Layer, Path, Result } from "effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { load } from "../../config/load.ts"
import { ConfigInvalid, showProblem } from "../../config/Problem.ts"
import type { Trigger } from "../../config/Trigger.ts"
import { type CheckedCommand, Commands } from "../Commands.ts"
import { Inspector } from "../Inspector.ts"
import { Projects, type ServedProject } from "../Projects.ts"
import type { PipelineInfo } from "../protocol.ts"

/** The triggers of a project, or why they cannot be read. */
interface Loaded {
  readonly triggers: ReadonlyArray<Trigger>
  /** The pipelines of the project, if they were read. */
  readonly pipelines?: ReadonlyArray<PipelineInfo>
  readonly problem?: string
  /** Whether a file that they come from has changed since. */
  readonly isStale: () => boolean
}

/** A trigger and its project. */
export interface ProjectTrigger {
  readonly project: ServedProject
  readonly trigger: Trigger
}

const stampOf = (file: string): string => {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`
}

/** Why no trigger may start a command: a request from outside must not delete data. */
export const roleProblem = (command: Extract<CheckedCommand, { readonly _tag: "Builtin" }>): string | undefined =>
  command.role === "run" ? undefined : `${command.words[0]} needs a person; use jiji or the API`

/** Pipelines' triggers have a dot in their names, and those of deploy.yml have none. */
const isOfPipeline = (name: string): boolean => name.includes(".")

/** The triggers of all projects. They are read again when their files change. */
export class Triggers extends Context.Service<
  Triggers,
  {
    /** Those of a project: first from deploy.yml, then from its pipelines. Without those of a file that is broken. */
    of(project: ServedProject): Effect.Effect<ReadonlyArray<Trigger>>
    /** Why some triggers of a project cannot be read. */
    problems(project: ServedProject): Effect.Effect<ReadonlyArray<string>>
    /** A trigger by its name. Fails with the reason if the file that should have it is broken. */
    find(project: ServedProject, name: string): Effect.Effect<Trigger | undefined, string>
    /** Why a trigger cannot start its command or pipeline, as far as this is known before something happens. */
    startProblem(project: ServedProject, trigger: Trigger): Effect.Effect<string | undefined>
    /** Those of all projects. */
    readonly all: Effect.Effect<ReadonlyArray<ProjectTrigger>>
  }
>()("jiji/serve/Triggers") {
  static readonly layer = Layer.effect(
    Triggers,
    Effect.gen(function* () {
      const commands = yield* Commands
      const inspector = yield* Inspector
      const projects = yield* Projects
      const files = { fs: yield* FileSystem.FileSystem, path: yield* Path.Path }
      const fromDeployFile = new Map<string, Loaded>()
      const fromPipelines = new Map<string, Loaded>()

      const loadDeployFile = Effect.fnUntraced(function* (folder: string) {
        const file = join(folder, ".jiji/deploy.yml")
        const stamp = stampOf(file)
        const isStale = () => stampOf(file) !== stamp
        return yield* load({ cwd: folder }).pipe(
          Effect.map(({ triggers = [] }): Loaded => ({ triggers, isStale })),
          Effect.catch((error) => {
            const problem = error instanceof ConfigInvalid ? error.problems.map(showProblem).join("\n") : error.message
            return Effect.succeed<Loaded>({ triggers: [], problem, isStale })
          }),
          Effect.provideService(FileSystem.FileSystem, files.fs),
          Effect.provideService(Path.Path, files.path)
        )
      })
      const loadPipelines = Effect.fnUntraced(function* (folder: string) {
        const below = join(folder, ".jiji/pipelines")
        // A process for each project without pipelines would be a waste.
        if (stampOf(below) === "") return { triggers: [], isStale: () => stampOf(below) !== "" } satisfies Loaded
        const { isStale, pipelines } = yield* inspector.inspect(folder)
        const problems = pipelines.flatMap(({ name, problem }) =>
          problem === undefined ? [] : [`${name}: ${problem}`]
        )
        return {
          triggers: pipelines.flatMap(({ triggers = [] }) => triggers),
          pipelines,
          ...(problems.length > 0 && { problem: problems.join("\n") }),
          isStale
        } satisfies Loaded
      })
      const cached = (cache: Map<string, Loaded>, read: (folder: string) => Effect.Effect<Loaded>) =>
        Effect.fnUntraced(function* ({ folder }: ServedProject) {
          const known = cache.get(folder)
          if (known !== undefined && !known.isStale()) return known
          const loaded = yield* read(folder)
          cache.set(folder, loaded)
          return loaded
        })
      const deployFile = cached(fromDeployFile, loadDeployFile)
      const pipelines = cached(fromPipelines, loadPipelines)
      const both = (project: ServedProject) => Effect.all([deployFile(project), pipelines(project)])

      const of = (project: ServedProject) =>
        Effect.map(both(project), ([first, second]) => [...first.triggers, ...second.triggers])
      return Triggers.of({
        of,
        problems: (project) =>
          Effect.map(both(project), (all) => all.flatMap(({ problem }) => (problem === undefined ? [] : [problem]))),
        find: Effect.fnUntraced(function* (project, name) {
          const { problem, triggers } = yield* isOfPipeline(name) ? pipelines(project) : deployFile(project)
          const found = triggers.find((trigger) => trigger.name === name)
          if (found === undefined && problem !== undefined) return yield* Effect.fail(problem)
          return found
        }),
        startProblem: Effect.fnUntraced(function* (project, { start }) {
          let name: string
          if (start._tag === "Pipeline") name = start.pipeline
          else {
            const checked = yield* Effect.result(commands.check(start.words))
            if (Result.isFailure(checked)) {
              const { message, reasons } = checked.failure
              // A flag may take a number, and a reference is none yet.
              const isOfReference = start.words.some((word) => word.includes("$") && reasons.join().includes(word))
              return isOfReference ? undefined : message
            }
            if (checked.success._tag === "Builtin") return roleProblem(checked.success)
            name = checked.success.name
          }
          const { pipelines: all = [] } = yield* pipelines(project)
          const found = all.find((pipeline) => pipeline.name === name || pipeline.name === "*")
          return found === undefined ? `There is no pipeline ${name}.` : found.problem
        }),
        all: Effect.gen(function* () {
          const found: Array<ProjectTrigger> = []
          for (const project of yield* projects.list) {
            for (const trigger of yield* of(project)) found.push({ project, trigger })
          }
          return found
        })
      })
    })
  )
}
