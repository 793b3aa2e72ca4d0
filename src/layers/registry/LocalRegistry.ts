import { Context, Effect, Exit, FileSystem, Layer, Option, PlatformError, Scope, Stream } from "effect"
import { Events } from "../../core/Events.ts"
import * as Progress from "../../core/Progress.ts"
import * as Resource from "../../core/Resource.ts"
import * as Contents from "./Contents.ts"
import * as Folder from "./Folder.ts"
import * as Images from "./Images.ts"
import * as Leases from "./Leases.ts"
import * as References from "./References.ts"
import { type ArchiveInvalid, type RegistryNotServed, StoreBusy, StoreFailed } from "./RegistryError.ts"
import * as Retention from "./Retention.ts"
import * as Serve from "./Server.ts"
import * as Store from "./Store.ts"

export type { Served } from "./Server.ts"
export type { StoredContents, StoredTag } from "./Contents.ts"
export { ArchiveInvalid, RegistryNotServed, StoreBusy, StoreFailed } from "./RegistryError.ts"

/** An image in the store. */
export interface StoredImage {
  /** Of the manifest: what servers pull and compare. */
  readonly digest: string
  /** The digest of the image's config, which engines call its id. */
  readonly imageId: string
  /** Bytes of all its blobs. */
  readonly size: number
  /** Bytes that the import had to write. */
  readonly added: number
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
}

/** How long the end of a run may spend on what is kept no longer. The next one goes on with it. */
const sweepLimit = "5 seconds"

/** Images on this machine's disk, and the read-only side of a registry that gives them to servers. */
export class LocalRegistry extends Context.Service<
  LocalRegistry,
  {
    /** Tags the image with this id, if all of it is in the store. */
    find(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly retain?: number
    }): Effect.Effect<Option.Option<StoredImage>, StoreFailed | StoreBusy>
    /**
     * Imports an image from the archive that the engine's `save` writes, and publishes its progress. With `retain`, only
     * that many tags of the repository are left when the layer's scope has ended well, and only blobs that an image still
     * needs.
     */
    add<E>(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly retain?: number
      readonly archive: Stream.Stream<Uint8Array, E>
      /** How large the archive is expected to be. */
      readonly expectedBytes?: number
    }): Effect.Effect<StoredImage, E | StoreFailed | StoreBusy | ArchiveInvalid>
    /** The folder that images are kept in; an error where it may not be written to. It is not made. */
    readonly folder: Effect.Effect<string, StoreFailed>
    /**
     * Serves the store on 127.0.0.1 until the scope closes: on `port`, or on a free one where that is taken. Nothing is
     * taken away from what is served.
     */
    serve(options: Serve.Options): Effect.Effect<Serve.Served, RegistryNotServed | StoreFailed | StoreBusy, Scope.Scope>
    /** What is stored. */
    readonly contents: Effect.Effect<Contents.StoredContents, StoreFailed>
    /** Takes away all that is stored, unless another process uses it. */
    readonly clear: Effect.Effect<void, StoreFailed | StoreBusy>
  }
>()("jiji/layers/registry/LocalRegistry") {
  /** A registry whose store is the folder `directory`, an absolute path; it is made when the first image comes in. */
  static readonly layer = (options: { readonly directory: string }) =>
    Layer.effect(
      LocalRegistry,
      Effect.gen(function* () {
        const events = yield* Events
        const fs = yield* FileSystem.FileSystem
        const { directory } = options
        const scope = yield* Scope.Scope
        const leases = yield* Leases.make(directory)
        const store = yield* Store.make(directory, (digest) =>
          events.publish({
            _tag: "StepNoted",
            level: "warning",
            text: `${digest.slice(0, 19)}… in ${directory} is damaged; it is taken in again`
          })
        )
        const references = References.make(store)
        const images = Images.make(store, references)
        const guard = <A, E, R>(effect: Effect.Effect<A, E | PlatformError.PlatformError, R>) =>
          Effect.catchIf(
            effect,
            (error) => error instanceof PlatformError.PlatformError,
            (reason) => Effect.fail(new StoreFailed({ directory, reason }))
          )

        const wanted = new Map<string, number>()
        yield* Effect.addFinalizer((exit) => {
          if (Exit.isFailure(exit) || wanted.size === 0) return Effect.void
          const sweep = leases.alone(Retention.sweep(store, references, wanted))
          return Effect.ignore(Effect.timeoutOption(Effect.interruptible(sweep), sweepLimit))
        })
        // Until the layer's end: what was found or taken in is served after that.
        const hold = yield* Effect.cached(guard(Effect.provideService(leases.hold, Scope.Scope, scope)))
        const use = Effect.fnUntraced(function* (options: { readonly repository: string; readonly retain?: number }) {
          yield* hold
          const { repository, retain } = options
          if (retain !== undefined) wanted.set(repository, Math.max(retain, wanted.get(repository) ?? 0))
        })

        return LocalRegistry.of({
          find: (naming) => Effect.andThen(use(naming), images.find(naming)),
          add: Effect.fnUntraced(function* ({ archive, expectedBytes: total, ...image }) {
            yield* use(image)
            let bytes = 0
            const counted = Stream.map(archive, (piece) => {
              bytes += piece.length
              return piece
            })
            const amount = Effect.sync(() => ({ bytes, ...(total !== undefined && { total }) }))
            const stored = yield* Progress.during(
              events,
              { label: "read", amount },
              images.add({ ...image, archive: counted })
            )
            yield* events.publish({ _tag: "StepProgress", label: "new", bytes: stored.added, total: stored.size })
            return stored
          }),
          contents: Contents.list(store, references),
          clear: Effect.flatMap(guard(leases.alone(store.clear)), (done) =>
            Option.isSome(done) ? Effect.void : Effect.fail(new StoreBusy({ directory }))
          ),
          folder: Effect.provideService(Folder.check(directory), FileSystem.FileSystem, fs),
          serve: (wanted) =>
            // What another registry on this machine holds is not in the store.
            Effect.andThen(
              wanted.from === undefined ? hold : Effect.void,
              Resource.acquire("local registry", Serve.listen(store, references, wanted), Serve.close)
            ).pipe(Effect.provideService(Events, events))
        })
      })
    )
}
