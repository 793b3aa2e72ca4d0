import { Effect, Stdio, Stream } from "effect"

/** Says something on stderr. Whoever reads that may be gone, which is no reason to stop. */
export const aside = Effect.fnUntraced(function* (text: string) {
  yield* Effect.ignore(Stream.run(Stream.make(text), (yield* Stdio.Stdio).stderr()))
})

/** Says how a command ended: on stdout, unless that is for events alone. */
export const closing = (write: (text: string) => void, shown: { readonly json: boolean }, text: string) =>
  shown.json ? aside(text) : Effect.sync(() => write(text))
