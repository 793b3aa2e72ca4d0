import { Context } from "effect"

/** Prints messages that are not part of a run's events: to stderr, or above the live view while there is one. */
export interface Notices {
  readonly print: (line: string) => void
  /** Sends the lines to the live view until the returned function is called. */
  readonly redirect: (sink: (line: string) => void) => () => void
}

/** Takes the function that prints a line while there is no live view. */
const make = (write: (line: string) => void): Notices => {
  let sink = write
  return {
    print: (line) => sink(line),
    redirect: (to) => {
      sink = to
      return () => void (sink = write)
    }
  }
}

/** Prints to this process's stderr by default. */
export const Notices = Context.Reference<Notices>("jiji/reporters/Notices", {
  defaultValue: () => make((line) => void process.stderr.write(`${line}\n`))
})
