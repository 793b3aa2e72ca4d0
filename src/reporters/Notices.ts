import { Context } from "effect"

/** Lines for a person beside what a run shows: on stderr, or above a picture while one is drawn. */
export interface Notices {
  readonly say: (line: string) => void
  /** Gives the lines to a picture, until what this returns is called. */
  readonly onto: (picture: (line: string) => void) => () => void
}

/** With what writes a line where no picture is drawn. */
export const make = (write: (line: string) => void): Notices => {
  let take = write
  return {
    say: (line) => take(line),
    onto: (picture) => {
      take = picture
      return () => void (take = write)
    }
  }
}

/** This process's own. */
export const Notices = Context.Reference<Notices>("jiji/reporters/Notices", {
  defaultValue: () => make((line) => void process.stderr.write(`${line}\n`))
})
