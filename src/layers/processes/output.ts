import { Effect, Stream } from "effect"
import type { Command } from "./Command.ts"

/** Bytes of an output that jiji reads: it is kept whole, and an image's or a container's description is far below. */
export const maxRead = 16 * 1024 * 1024
/** Bytes of an output that is only shown and quoted, and of which the end is kept. */
export const maxShown = 64 * 1024 * 1024

/** Bytes of an output that tells how far a program is, again and again for hours. */
export const maxScanned = 1024 * 1024 * 1024

/** Characters that are kept of the end of an output. */
const keptEnd = 1024 * 1024
/** Characters of one line. */
const longestLine = 64 * 1024

/** Lines, and characters, of one command that are published: whoever subscribes may be slower than the command. */
const mostLines = 10_000
const mostCharacters = 16 * 1024 * 1024

/** Fails once there were more bytes. */
export const limitBytes = <E, F>(bytes: Stream.Stream<Uint8Array, E>, most: number, error: () => F) =>
  Stream.suspend(() => {
    let read = 0
    return Stream.tap(bytes, (piece) => ((read += piece.length) > most ? Effect.fail(error()) : Effect.void))
  })

/** Puts lines together from text as it comes, and cuts those that are too long. */
const lineReader = () => {
  let line = ""
  let isCut = false
  let afterReturn = false
  const add = (part: string) => {
    if (isCut) return
    line += part
    if (line.length <= longestLine) return
    line = `${line.slice(0, longestLine)} … (cut)`
    isCut = true
  }
  const take = (): string => {
    const taken = line
    line = ""
    isCut = false
    return taken
  }
  return {
    /** The lines that this text ends. */
    lines: (text: string): ReadonlyArray<string> => {
      // The two characters of one line break may come apart.
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
    /** What came after the last line break. */
    rest: take
  }
}

/** Reads an output line by line, and answers its end: of the lines that are left once they were heard. */
export const readLines = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  each: (lines: ReadonlyArray<string>) => Effect.Effect<void>,
  heard: Command["onLine"] = (line) => line
): Effect.Effect<string, E> =>
  Effect.suspend(() => {
    const reader = lineReader()
    let [before, end] = ["", ""]
    const take = (all: ReadonlyArray<string>) => {
      const lines = all.map(heard).filter((line) => line !== undefined)
      if (lines.length === 0) return Effect.void
      if (end.length > keptEnd) {
        before = end
        end = ""
      }
      end += `${lines.join("\n")}\n`
      return each(lines)
    }
    const read = Stream.runForEach(Stream.decodeText(bytes), (text) => take(reader.lines(text)))
    const rest = Effect.suspend(() => {
      const line = reader.rest()
      return take(line === "" ? [] : [line])
    })
    return Effect.map(Effect.andThen(read, rest), () => {
      const kept = before + end
      if (kept.length <= keptEnd) return kept
      // Half a line would say something else, or half a secret, which nothing finds any more.
      return kept.slice(kept.indexOf("\n", kept.length - keptEnd - 1) + 1)
    })
  })

/** Publishes the lines of a command's outputs, until there were too many. */
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
            if (lines <= mostLines && characters <= mostCharacters) return publish(stream, line)
            isFull = true
            return publish(stream, "… (the rest of what it writes is not shown)")
          },
          { discard: true }
        )
}
