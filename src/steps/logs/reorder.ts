interface Waiting<A> {
  readonly line: A
  readonly arrived: number
}

/** The most characters that wait. More of them are not worth the memory. */
const maxCharacters = 4 * 1024 * 1024

/**
 * Puts lines of several servers into the order of their times as they arrive. Each waits for `patience` milliseconds, so that
 * older ones can overtake it; one that comes even later stands where it comes.
 */
export const reorder = <A extends { readonly time: string; readonly text: string }>(patience: number) => {
  /** In the order of their times. */
  let waiting: ReadonlyArray<Waiting<A>> = []
  let characters = 0
  const takeUntil = (end: number): ReadonlyArray<A> => {
    const taken = waiting.slice(0, end).map(({ line }) => line)
    waiting = waiting.slice(end)
    for (const { text } of taken) characters -= text.length
    return taken
  }
  return {
    add: (lines: ReadonlyArray<A>, now: number): void => {
      for (const { text } of lines) characters += text.length
      // Lines with the same time stay in the order in which they came.
      waiting = [...waiting, ...lines.map((line) => ({ line, arrived: now }))].toSorted((a, b) =>
        a.line.time < b.line.time ? -1 : a.line.time > b.line.time ? 1 : 0
      )
    },
    /** The lines that have waited long enough, with all older ones. */
    ready: (now: number): ReadonlyArray<A> => {
      const last = waiting.findLastIndex(({ arrived }) => arrived <= now - patience)
      let end = last + 1
      let rest = characters
      for (let index = 0; index < waiting.length && (index < end || rest > maxCharacters); index++) {
        rest -= waiting[index]?.line.text.length ?? 0
        end = Math.max(end, index + 1)
      }
      return takeUntil(end)
    },
    /** All that are left. */
    rest: (): ReadonlyArray<A> => takeUntil(waiting.length)
  }
}
