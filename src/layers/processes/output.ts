import { Effect, Stream } from "effect"
import { cut } from "../../core/text.ts"
import type { Command } from "./Command.ts"

/** The maximum bytes of an output that jiji parses and keeps in full. The JSON of images and containers is far smaller. */
export const maxRead = 16 * 1024 * 1024
/** The maximum bytes of an output that is only shown and quoted. Only its end is kept. */
export const maxShown = 64 * 1024 * 1024

/** The maximum bytes of an output with progress reports, which may continue for hours. */
export const maxScanned = 1024 * 1024 * 1024

/** How many characters of an output's end are kept. */
const keptEnd = 1024 * 1024
/** The maximum characters of a line. */
const maxLineLength = 64 * 1024

/** How many lines and characters of a command are published. Subscribers may be slower than the command. */
const maxLines = 10_000
const maxCharacters = 16 * 1024 * 1024

/** Fails if a stream exceeds a number of bytes. */
export const limitBytes = <E, F>(bytes: Stream.Stream<Uint8Array, E>, max: number, error: () => F) =>
  Stream.suspend(() => {
    let read = 0
    return Stream.tap(bytes, (piece) => ((read += piece.length) > max ? Effect.fail(error()) : Effect.void))
  })

/** Assembles lines from chunks of text. Truncates lines that are too long. */
const lineReader = () => {
  let line = ""
  let isCut = false
  let afterReturn = false
  const add = (part: string) => {
    if (isCut) return
    line += part
    if (line.length <= maxLineLength) return
    line = cut(line, maxLineLength)
    isCut = true
  }
  const take = (): string => {
    const taken = line
    line = ""
    isCut = false
    return taken
  }
  return {
    /** Adds text and returns the lines that it completes. */
    lines: (text: string): ReadonlyArray<string> => {
      // The two characters of a line break may arrive in separate chunks.
      const rest = afterReturn && text.startsWith("\n") ? text.slice(1) : text
      if (text !== "") afterReturn = text.endsWith("\r")
      const parts = rest.split(/\r\n?|\n/)
      const last = parts.pop() ?? ""
      const ended = parts.map((part) => {
        add(part)
        return take()
      })
      add(last)
      return ended
    },
    /** Returns the text after the last line break. */
    rest: take
  }
}

/** Reads an output line by line and returns its end, as far as `onLine` kept the lines. */
export const readLines = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  onLines: (lines: ReadonlyArray<string>) => Effect.Effect<void>,
  onLine: Command["onLine"] = (line) => line
): Effect.Effect<string, E> =>
  Effect.suspend(() => {
    const reader = lineReader()
    let [before, end] = ["", ""]
    const take = (all: ReadonlyArray<string>) => {
      const lines = all.map(onLine).filter((line) => line !== undefined)
      if (lines.length === 0) return Effect.void
      if (end.length > keptEnd) {
        before = end
        end = ""
      }
      end += `${lines.join("\n")}\n`
      return onLines(lines)
    }
    const read = Stream.runForEach(Stream.decodeText(bytes), (text) => take(reader.lines(text)))
    const rest = Effect.suspend(() => {
      const line = reader.rest()
      return take(line === "" ? [] : [line])
    })
    return Effect.map(Effect.andThen(read, rest), () => {
      const kept = before + end
      if (kept.length <= keptEnd) return kept
      // Start at a whole line. Half a line could be misleading, or contain half a secret, which the scrubber would miss.
      return kept.slice(kept.indexOf("\n", kept.length - keptEnd - 1) + 1)
    })
  })

/** Publishes the lines of a command's outputs, up to a maximum. */
export const linePublisher = <S>(publish: (stream: S, line: string) => Effect.Effect<void>) => {
  let [lines, characters] = [0, 0]
  let isFull = false
  return (stream: S, all: ReadonlyArray<string>): Effect.Effect<void> =>
    isFull
      ? Effect.void
      : Effect.forEach(
          all,
          (line) => {
            if (isFull) return Effect.void
            lines++
            characters += line.length
            if (lines <= maxLines && characters <= maxCharacters) return publish(stream, line)
            isFull = true
            return publish(stream, "… (further output is not shown)")
          },
          { discard: true }
        )
}
