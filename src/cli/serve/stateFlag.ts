import { Option } from "effect"
import { Flag } from "effect/cli"
import { resolve } from "node:path"

/** The database of `jiji serve`. */
export const stateFlag = Flag.String("state").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription("Database of jiji serve (default: jiji/serve.sqlite in ~/.local/state)"),
  Flag.optional
)

/** The file that the flag names, or the default. Absolute. */
export const stateFile = (flag: Option.Option<string>, fallback: string): string =>
  Option.match(flag, { onNone: () => fallback, onSome: (file) => resolve(file) })
