import { Effect, Stdio, Stream } from "effect"

/** Writes to stderr, where no effect can run. */
export const writeStderrSync = (text: string): void => void process.stderr.write(text)

/** Writes to stderr. Its reader may be gone, which is no reason to fail. */
export const writeStderr = Effect.fnUntraced(function* (text: string) {
  yield* Effect.ignore(Stream.run(Stream.make(text), (yield* Stdio.Stdio).stderr()))
})
