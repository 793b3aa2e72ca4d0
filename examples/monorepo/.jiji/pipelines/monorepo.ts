import { Effect, type Redacted, Schema } from "effect"
import {
  Build,
  deploy,
  type DeployInput,
  ExitCode,
  type Login,
  Machine,
  Pipeline,
  type Project,
  Push,
  Runnable,
  Shell,
  Step
} from "jiji"

export class BaseNotBuilt extends Schema.TaggedError<BaseNotBuilt>()("BaseNotBuilt", { stderr: Schema.String }) {
  override get message() {
    return `The base image was not built: ${this.stderr.trim().split("\n").at(-1)}`
  }
  readonly remedy = "Build it by hand: docker build --tag mono-base base"
  readonly exitCode = ExitCode.failed
}

/** The state of a deploy when it builds. */
type Known = DeployInput &
  Login.LoggedIn & { readonly version: string; readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>> }

const onBase = new Set(["api", "worker"])

const base = Step.make(
  "base",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const words = [project.engine, "build", "--tag", "mono-base", `${project.root}/base`] as const
    const { exitCode, stderr } = yield* (yield* Shell).run(Machine.local, { words, show: "all" })
    if (exitCode !== 0) return yield* new BaseNotBuilt({ stderr })
  })
).pipe(
  Step.skipWhen(({ project }: { readonly project: Project }) =>
    project.services.some(({ name }) => onBase.has(name)) ? undefined : "no service needs it"
  )
)

/** Builds and pushes some of the services at the same time. */
const images = <const As extends string>(name: string, as: As, which: (service: Build.BuiltService) => boolean) =>
  Pipeline.make<Known>(name).pipe(
    Pipeline.forEach({
      name: "services",
      as: "service",
      items: ({ project }: Known) => project.services.filter(Build.isBuilt).filter(which),
      key: (service) => service.name,
      body: Pipeline.make<Known & { readonly service: Build.BuiltService }>("image").pipe(
        Pipeline.step(Build.step),
        Pipeline.step(Push.step)
      ),
      collect: { as, value: ({ pushed }) => pushed }
    })
  )

/** Builds `web` at once, and meanwhile the base, then `api` and `worker`. */
export const ordered = Pipeline.make<Known, "images">("images").pipe(
  Pipeline.parallel(
    Pipeline.make<Known>("backend").pipe(
      Pipeline.step(base),
      Pipeline.pipeline(images("on-base", "backend", ({ name }) => onBase.has(name)))
    ),
    images("frontend", "frontend", ({ name }) => !onBase.has(name))
  ),
  Pipeline.step(
    Step.make(
      "all",
      (state: { readonly backend: ReadonlyArray<Push.PushedImage>; frontend: ReadonlyArray<Push.PushedImage> }) =>
        Effect.succeed({ images: [...state.backend, ...state.frontend] })
    )
  )
)

export const monorepo = deploy.pipe(Pipeline.replace("deploy/images", ordered))

export default Runnable.make({
  description: "Deploy everything; build the base image before the services that need it",
  pipeline: monorepo
})
