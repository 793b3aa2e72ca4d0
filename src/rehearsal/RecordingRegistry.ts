import { Effect, Layer, Stream } from "effect"
import { simulatedDigest } from "../layers/docker/simulated.ts"
import { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { local } from "../layers/shell/Machine.ts"
import { Events } from "../core/Events.ts"
import * as Resource from "../core/Resource.ts"
import { Recording } from "./Recording.ts"

/** A local registry that is empty and accepts all images. Uses the image's id as its digest. */
export const layer = Layer.effect(
  LocalRegistry,
  Effect.gen(function* () {
    const recording = yield* Recording
    const events = yield* Events
    return LocalRegistry.of({
      find: () => Effect.succeedNone,
      add: Effect.fnUntraced(function* ({ archive, imageId, platform, repository, tag }) {
        yield* Stream.runDrain(archive)
        const about = { repository, tag, ...(platform !== undefined && { platform }) }
        yield* recording.add({ _tag: "Import", machine: local, ...about })
        return { digest: imageId, imageId, size: 0, added: 0, layers: [] }
      }),
      addIndex: ({ images }) =>
        Effect.succeed({
          digest: simulatedDigest(images.map(({ digest }) => digest).join(" ")),
          size: 0,
          wasReplaced: false
        }),
      repair: () => Effect.succeed([]),
      folder: Effect.succeed("/var/lib/jiji"),
      contents: Effect.succeed({ tags: [], size: 0 }),
      clear: Effect.void,
      serve: ({ port }) =>
        Resource.acquire(
          "local registry",
          Effect.as(recording.add({ _tag: "Serve", machine: local, port }), { port }),
          () => Effect.void
        ).pipe(Effect.provideService(Events, events))
    })
  })
)
