import { Effect, Stream } from "effect"
import { createTarDecoder, type TarHeader } from "modern-tar"
import type { Body } from "./Hashing.ts"

/**
 * Calls `visit` for each entry of a tar archive in order, while the archive is being read: no more than about 1 MiB of
 * it is held. What `visit` leaves of an entry's body is skipped.
 */
export const forEachEntry = <E, B, E2, R2>(options: {
  readonly archive: Stream.Stream<Uint8Array, E>
  /** The error of an archive that is cut short or none. */
  readonly onBroken: (detail: string) => B
  readonly visit: (header: TarHeader, body: Body<B>) => Effect.Effect<void, E2, R2>
}): Effect.Effect<void, E | B | E2, R2> =>
  Effect.suspend(() => {
    const onError = (cause: unknown) => options.onBroken(cause instanceof Error ? cause.message : String(cause))
    const attempt = (run: () => Promise<unknown>) => Effect.tryPromise({ try: run, catch: onError })
    const drain = async (bytes: ReadableStream<Uint8Array>) => {
      for await (const _ of bytes);
    }
    const decoder = createTarDecoder({ strict: true })
    const writer = decoder.writable.getWriter()
    const feed = options.archive.pipe(
      Stream.runForEach((chunk) => attempt(() => writer.write(chunk))),
      Effect.andThen(attempt(() => writer.close()))
    )
    const read = Stream.fromReadableStream({ evaluate: () => decoder.readable, onError }).pipe(
      Stream.runForEach(({ header, body }) =>
        // Read to the end, not cancelled: modern-tar 0.8.6 then takes the next body for the cancelled one, and stalls.
        Effect.andThen(
          options.visit(header, { bytes: body, onError }),
          attempt(() => drain(body))
        )
      )
    )
    return Effect.all([feed, read], { concurrency: 2, discard: true }).pipe(
      Effect.ensuring(Effect.promise(() => writer.abort().catch(() => undefined)))
    )
  })
