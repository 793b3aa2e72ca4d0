import { type Cause, Effect, Queue, Stream } from "effect"
import type { Process } from "../processes/Command.ts"

/** Finds how many bytes at the end of a text are the beginning of a line. */
export const partialMatch = (text: Buffer, line: Buffer): number => {
  let length = Math.min(line.length - 1, text.length)
  while (!text.subarray(text.length - length).equals(line.subarray(0, length))) length--
  return length
}

/** A part of the bootstrap, in which `$2` is the id: gives stderr a pipe of its own if it leads to stdout. */
export const frameStderr =
  'if [ /dev/stdout -ef /dev/stderr ] && d=$(mktemp -d) && mkfifo "$d/e"; then while IFS= read -r l || [ -n "$l" ]; do printf "%s:%s\\n" "$2" "$l"; done <"$d/e" & exec 2>"$d/e"; rm -r "$d"; fi'

/** Takes the lines of stderr, which {@link frameStderr} has marked, out of stdout. Read both outputs. */
export const unframeStderr = <E>(
  stdout: Stream.Stream<Uint8Array, E>,
  id: string
): Effect.Effect<Pick<Process<E>, "stdout" | "stderr">> =>
  Effect.gen(function* () {
    const prefix = Buffer.from(`${id}:`)
    const errors = yield* Queue.make<Uint8Array, Cause.Done>()
    let held = Buffer.alloc(0)
    const take = (piece: Uint8Array): Uint8Array => {
      let text = Buffer.concat([held, piece])
      const output: Array<Uint8Array> = []
      while (true) {
        const at = text.indexOf(prefix)
        const end = at < 0 ? -1 : text.indexOf("\n", at)
        const kept = at < 0 ? text.length - partialMatch(text, prefix) : at
        output.push(text.subarray(0, kept))
        if (end < 0) {
          held = text.subarray(kept)
          return Buffer.concat(output)
        }
        Queue.offerUnsafe(errors, text.subarray(at + prefix.length, end + 1))
        text = text.subarray(end + 1)
      }
    }
    return {
      stdout: stdout.pipe(
        Stream.map(take),
        Stream.concat(Stream.suspend(() => Stream.make<[Uint8Array]>(held))),
        Stream.filter((piece) => piece.length > 0),
        Stream.ensuring(Queue.end(errors))
      ),
      stderr: Stream.fromQueue(errors)
    }
  })
