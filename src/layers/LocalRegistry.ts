import { Context, type Effect, type Option, type Scope, type Stream } from "effect"

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
    find(options: { readonly imageId: string; readonly repository: string; readonly tag: string }): Effect.Effect<Option.Option<StoredImage>, StoreFailed>
    /** Takes an image in from the archive that the engine's `save` writes. */
    add<E>(options: {
      readonly imageId: string
      readonly repository: string
      readonly tag: string
      readonly archive: Stream.Stream<Uint8Array, E>
    }): Effect.Effect<StoredImage, E | StoreFailed | ArchiveInvalid>
    /** Serves the store on 127.0.0.1 until the scope closes: on `port`, or on a free one where that is taken. */
    serve(options: { readonly port: number }): Effect.Effect<{ readonly port: number }, RegistryNotServed, Scope.Scope>
  }
>()("jiji/layers/LocalRegistry") {}
