import { Context, Effect, Exit, FileSystem, Layer, Option, PlatformError, Scope, Stream } from "effect"
import { shortDigest } from "../../config/ImageReference.ts"
import { Events } from "../../core/Events.ts"
import * as Progress from "../../core/Progress.ts"
import * as Resource from "../../core/Resource.ts"
import * as Contents from "./Contents.ts"
import * as Folder from "./Folder.ts"
import * as Images from "./Images.ts"
import * as Leases from "./Leases.ts"
import * as References from "./References.ts"
import {
  type ArchiveInvalid,
  type ImageCorrupted,
  type RegistryNotServed,
  StoreBusy,
  StoreFailed
} from "./RegistryError.ts"
import * as Retention from "./Retention.ts"
import * as Serve from "./Server.ts"
import * as Store from "./Store.ts"

export type { Served } from "./Server.ts"
export type { StoredTag } from "./Contents.ts"
export { ArchiveInvalid, ImageCorrupted, RegistryNotServed, StoreBusy, StoreFailed } from "./RegistryError.ts"

/** An image in the store. All sizes are in bytes. */
export interface StoredImage {
  /** The digest of the manifest, by which servers pull and compare the image. */
  readonly digest: string
  /** The digest of the image's config, which engines use as the image id. */
  readonly imageId: string
  /** The size of all its blobs. */
  readonly size: number
  /** The bytes that the import added to the store. */
  readonly added: number
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
}

/** How long a run may spend at its end on removing old images. The next run continues. */
const sweepLimit = "5 seconds"

/** A store of images on this machine's disk, and a read-only registry from which servers pull them. */
export class LocalRegistry extends Context.Service<
  LocalRegistry,
  {
    /**
     * Tags the image with this id. None if any part of it is missing from the store. With `alias`, the registry also serves
     * the repository `PROJECT-SERVICE` as `PROJECT/SERVICE`, where the tag `latest` is the image that was tagged last. With
     * `platform`, the image gets no tag itself, but is for an index that does.
     */
    find(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly alias?: string
      readonly platform?: string
      readonly retain?: number
    }): Effect.Effect<Option.Option<StoredImage>, StoreFailed | StoreBusy>
    /**
     * Adds an image from the archive that the engine's `save` command writes, and publishes its progress. `alias` is as for
     * `find`, as is `platform`. With `retain`, the layer keeps only that many tags of the repository when its scope closes successfully, and
     * removes blobs that no image needs any more.
     */
    add<E>(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly alias?: string
      readonly platform?: string
      readonly retain?: number
      readonly archive: Stream.Stream<Uint8Array, E>
      /** How large the archive is expected to be. */
      readonly expectedBytes?: number
    }): Effect.Effect<StoredImage, E | StoreFailed | StoreBusy | ArchiveInvalid>
    /**
     * Tags an index of images that the store has, so that each server pulls the one for its own platform. Writes it again if
     * it was damaged, and returns whether this process has done so.
     */
    addIndex(
      options: Images.TaggedIndex & { readonly retain?: number }
    ): Effect.Effect<
      { readonly digest: string; readonly size: number; readonly wasReplaced: boolean },
      StoreFailed | StoreBusy
    >
    /**
     * Checks every blob of the image with this digest, for a server that got other bytes than the digest promises. Removes
     * damaged blobs and imports the image again from `archive`. Returns the digests of the image's blobs that were repaired
     * since this process started; none if nothing was damaged.
     */
    repair<E>(options: {
      readonly digest: string
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly platform?: string
      readonly archive: Stream.Stream<Uint8Array, E>
    }): Effect.Effect<ReadonlyArray<string>, StoreFailed | StoreBusy | ImageCorrupted>
    /** The absolute path of the store's folder. Fails if it is not writable. Does not create it. */
    readonly folder: Effect.Effect<string, StoreFailed>
    /**
     * Serves the store on 127.0.0.1 until the scope closes, on `port` or, if it is in use, on a free port. Nothing is
     * removed from the store while it is served.
     */
    serve(options: Serve.Options): Effect.Effect<Serve.Served, RegistryNotServed | StoreFailed | StoreBusy, Scope.Scope>
    /** Lists the stored tags and the total size. */
    readonly contents: Effect.Effect<Contents.StoredContents, StoreFailed>
    /** Removes everything from the store. Fails with `StoreBusy` if another process uses it. */
    readonly clear: Effect.Effect<void, StoreFailed | StoreBusy>
  }
>()("jiji/layers/registry/LocalRegistry") {
  /** A registry that keeps its images in the folder `directory`, an absolute path. Creates it with the first image. */
  static readonly layer = (options: { readonly directory: string }) =>
    Layer.effect(
      LocalRegistry,
      Effect.gen(function* () {
        const events = yield* Events
        const fs = yield* FileSystem.FileSystem
        const { directory } = options
        const scope = yield* Scope.Scope
        const leases = yield* Leases.make(directory)
        const store = yield* Store.make(directory, (digest, problem) =>
          events.publish({
            _tag: "StepNoted",
            level: "warning",
            text: `${shortDigest(digest)}… in ${directory} is ${problem}; importing it again`
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

        const tagsToKeep = new Map<string, number>()
        yield* Effect.addFinalizer((exit) => {
          if (Exit.isFailure(exit) || tagsToKeep.size === 0) return Effect.void
          const sweep = leases.runExclusively(Retention.sweep(store, references, tagsToKeep))
          return Effect.ignore(Effect.timeoutOption(Effect.interruptible(sweep), sweepLimit))
        })
        // Held until the layer's scope closes, because images are served after `find` and `add` return.
        const acquireLease = yield* Effect.cached(
          guard(Effect.provideService(leases.acquireShared, Scope.Scope, scope))
        )
        const prepare = Effect.fnUntraced(function* (options: {
          readonly repository: string
          readonly retain?: number
        }) {
          yield* acquireLease
          const { repository, retain } = options
          if (retain !== undefined) tagsToKeep.set(repository, Math.max(retain, tagsToKeep.get(repository) ?? 0))
        })

        return LocalRegistry.of({
          find: (naming) => Effect.andThen(prepare(naming), images.find(naming)),
          add: Effect.fnUntraced(function* ({ archive, expectedBytes: total, ...image }) {
            yield* prepare(image)
            let bytes = 0
            let isDone = false
            const counted = Stream.map(archive, (piece) => {
              bytes += piece.length
              return piece
            })
            // An import that ends early has read all that it needs.
            const amount = Effect.sync(() => ({ bytes, ...(total !== undefined && { total: isDone ? bytes : total }) }))
            const add = Effect.tap(images.add({ ...image, archive: counted }), () => Effect.sync(() => (isDone = true)))
            const stored = yield* Progress.during(events, { label: "read", amount }, add)
            yield* events.publish({ _tag: "StepProgress", label: "new", bytes: stored.added, total: stored.size })
            return stored
          }),
          addIndex: (index) => Effect.andThen(prepare(index), images.addIndex(index)),
          repair: (options) => Effect.andThen(prepare(options), images.repair(options)),
          contents: Contents.listContents(store, references),
          clear: Effect.flatMap(guard(leases.runExclusively(store.clear)), (done) =>
            Option.isSome(done) ? Effect.void : Effect.fail(new StoreBusy({ directory }))
          ),
          folder: Effect.provideService(Folder.checkWritable(directory), FileSystem.FileSystem, fs),
          serve: (serveOptions) =>
            // The images of another registry on this machine are not in the store and need no lease.
            Effect.andThen(
              serveOptions.from === undefined ? acquireLease : Effect.void,
              Resource.acquire("local registry", Serve.listen(store, references, serveOptions), Serve.close)
            ).pipe(Effect.provideService(Events, events))
        })
      })
    )
}
