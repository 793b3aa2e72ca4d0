import { Deferred, Effect, Stream } from "effect"
import { createTarDecoder, type TarHeader } from "modern-tar"
import type { Body } from "./Hashing.ts"

/**
 * Calls `visit` for each entry of a tar archive, in order, while reading it. Holds about 1 MiB in memory at most. Skips
 * the part of an entry's body that `visit` does not read. Stops reading when `visit` returns true.
 */
export const forEachEntry = <E, B, E2, R2>(options: {
  readonly archive: Stream.Stream<Uint8Array, E>
  /** Makes the error for an archive that is truncated or not a tar archive. */
  readonly onBroken: (detail: string) => B
  readonly visit: (header: TarHeader, body: Body<B>) => Effect.Effect<boolean, E2, R2>
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
    const enough = Deferred.makeUnsafe<void>()
    const readEntries = Stream.fromReadableStream({ evaluate: () => decoder.readable, onError }).pipe(
      Stream.runForEach(({ header, body }) =>
        Effect.flatMap(options.visit(header, { bytes: body, onError }), (isEnough) =>
          isEnough
            ? Effect.andThen(Deferred.succeed(enough, undefined), Effect.never)
            : // Drain the body instead of cancelling it: modern-tar 0.8.6 mistakes the next body for a cancelled one, and stalls.
              attempt(() => drain(body))
        )
      )
    )
    return Effect.all([feed, readEntries], { concurrency: 2, discard: true }).pipe(
      Effect.raceFirst(Deferred.await(enough)),
      Effect.ensuring(Effect.promise(() => writer.abort().catch(() => undefined)))
    )
  })
