import { Effect, Stdio, Stream } from "effect"

/** Writes to stderr, where no effect can run. */
export const writeStderrSync = (text: string): void => void process.stderr.write(text)

/** Writes to stderr. Its reader may be gone, which is no reason to fail. */
export const writeStderr = Effect.fnUntraced(function* (text: string) {
  yield* Effect.ignore(Stream.run(Stream.make(text), (yield* Stdio.Stdio).stderr()))
})

/** Writes to stderr, and waits until all of it has left this process. Its reader may be gone. */
export const writeStderrFully = (bytes: string | Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    process.stderr.write(bytes, () => resume(Effect.void))
  })
