import { Effect } from "effect"

interface Timed {
  readonly time: string
}

/** The next lines of a source; undefined at its end. */
export type NextLines<A, E = never> = Effect.Effect<ReadonlyArray<A> | undefined, E>

interface Source<A, E> {
  readonly next: NextLines<A, E>
  lines: ReadonlyArray<A>
  at: number
  isOver: boolean
}

const hasLine = <A, E>({ at, lines }: Source<A, E>): boolean => at < lines.length

/** Makes sure that a source has a line, or is over. */
const fill = <A, E>(source: Source<A, E>): Effect.Effect<void, E> =>
  Effect.suspend(() =>
    hasLine(source) || source.isOver
      ? Effect.void
      : Effect.flatMap(source.next, (lines) => {
          source.isOver = lines === undefined
          source.lines = lines ?? []
          source.at = 0
          return fill(source)
        })
  )

/** Takes lines in their order until a source has none left. */
const take = <A extends Timed, E>(sources: ReadonlyArray<Source<A, E>>): ReadonlyArray<A> => {
  const merged: Array<A> = []
  while (true) {
    let first: Source<A, E> | undefined
    let line: A | undefined
    for (const source of sources) {
      const next = source.lines[source.at]
      if (next === undefined || (line !== undefined && next.time >= line.time)) continue
      first = source
      line = next
    }
    if (first === undefined || line === undefined) return merged
    merged.push(line)
    first.at++
    if (!hasLine(first)) return merged
  }
}

/**
 * Merges sources whose lines are in the order of their times into one that is, too. Waits for the next line of each, and keeps
 * no more than what each gave last.
 */
export const mergeByTime = <A extends Timed, E>(sources: ReadonlyArray<NextLines<A, E>>): NextLines<A, E> => {
  const all = sources.map((next): Source<A, E> => ({ next, lines: [], at: 0, isOver: false }))
  return Effect.forEach(all, fill, { concurrency: "unbounded", discard: true }).pipe(
    Effect.map(() => {
      const merged = take(all)
      return merged.length === 0 ? undefined : merged
    })
  )
}
