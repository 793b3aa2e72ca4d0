import { createHash } from "node:crypto"
import { Effect, Option, Result } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import * as Step from "../pipeline/Step.ts"
import { builderOf } from "./builder.ts"
import { pushImage, type PushedImage } from "./Push.ts"

/** Under which name an image of the proxy is in the project's registry. No service can have it. */
const name = "jiji--proxy"

interface Adds {
  readonly proxyImage?: PushedImage
}

/** Pushes the image of the proxy to the project's registry, if deploy.yml names it and the engine of the builder has it. */
export const step = Step.make(
  "proxy-image",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly username?: string
    readonly credentials?: Credentials
  }) {
    const { credentials, project } = state
    const none: Adds = {}
    const image = project.proxy?.image
    if (!project.services.some(({ proxy }) => proxy !== undefined)) return Step.skip("no service uses the proxy", none)
    if (image === undefined) return Step.skip("servers pull the proxy's default image", none)
    const docker = yield* Docker
    const version = createHash("sha256").update(ImageReference.print(image)).digest("hex").slice(0, 12)
    const reference = yield* Effect.fromResult(
      ImageReference.ofService(project.registry, project.name, name, state.username).pipe(
        Result.flatMap((repository) => ImageReference.withTag(repository, version))
      )
    )
    const found = yield* docker.name(project.engine, image, reference, builderOf(project))
    if (Option.isNone(found)) {
      return Step.skip(
        `servers pull ${ImageReference.print(image)}, which ${project.builder?.name ?? "this machine"} does not have`,
        none
      )
    }
    const built = { image: found.value, reference }
    const pushing = { project, service: { name, retain: 3 }, version, built, ...(credentials && { credentials }) }
    const pushed = yield* pushImage(pushing)
    if (Step.isSkipped(pushed)) return Step.skip<Adds>(pushed.reason, { proxyImage: pushed.adds.pushed })
    const adds: Adds = { proxyImage: pushed.pushed }
    return adds
  })
)
