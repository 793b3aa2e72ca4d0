import { Context, Effect, Layer, type Option, type Scope, type Stream } from "effect"
import { Events } from "../pipeline/Events.ts"
import * as Resource from "../pipeline/Resource.ts"
import * as Images from "./registry/Images.ts"
import * as References from "./registry/References.ts"
import type { ArchiveInvalid, RegistryNotServed, StoreFailed } from "./registry/RegistryError.ts"
import * as Serve from "./registry/Serve.ts"
import * as Store from "./registry/Store.ts"
import * as Temporary from "./registry/Temporary.ts"

export type { Served } from "./registry/Serve.ts"
export { ArchiveInvalid, RegistryNotServed, StoreFailed } from "./registry/RegistryError.ts"

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

/** Images on this machine's disk, and the read-only side of a registry that gives them to servers. */
export class LocalRegistry extends Context.Service<
  LocalRegistry,
  {
    /** Tags the image with this id, if all of it is in the store. */
    find(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
    }): Effect.Effect<Option.Option<StoredImage>, StoreFailed>
    /** Takes an image in from the archive that the engine's `save` writes. */
    add<E>(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly archive: Stream.Stream<Uint8Array, E>
    }): Effect.Effect<StoredImage, E | StoreFailed | ArchiveInvalid>
    /** Serves the store on 127.0.0.1 until the scope closes: on `port`, or on a free one where that is taken. */
    serve(options: Serve.Options): Effect.Effect<Serve.Served, RegistryNotServed, Scope.Scope>
  }
>()("jiji/layers/LocalRegistry") {
  /** A registry whose store is the folder `directory`, an absolute path; it is made when the first image comes in. */
  static readonly layer = (options: { readonly directory: string }) =>
    Layer.effect(
      LocalRegistry,
      Effect.gen(function* () {
        const events = yield* Events
        const store = yield* Store.make(options.directory)
        const references = References.make(store)
        const images = Images.make(store, references)
        return LocalRegistry.of({
          find: images.find,
          add: images.add,
          serve: (wanted) =>
            Resource.acquire(
              "local registry",
              Serve.listen(store, references, `${options.directory}/tmp/${Temporary.name()}`, wanted),
              Serve.close
            ).pipe(Effect.provideService(Events, events))
        })
      })
    )
}
