/** The characters that the compiler looks for. At run time, more control characters are refused. */
type Separator = "/" | "[" | "]"
type LineBreak = "\n" | "\r" | "\u2028" | "\u2029"
type Control = "\0" | "\t" | "\b" | "\v" | "\f" | "\u001b" | "\u007f"

type Problem<Name extends string> = Name extends ""
  ? "a name cannot be empty"
  : Name extends `${string}${Separator}${string}`
    ? "a name cannot contain a slash or square brackets, which separate the parts of a path"
    : Name extends `${string}${LineBreak | Control}${string}`
      ? "a name cannot contain line breaks or control characters"
      : never

/** Appears in the compile error if a node cannot have a name. */
interface InvalidName<Reason> {
  readonly "this name cannot be used": Reason
}

/** Requires names that can be part of a path. Names that the compiler does not know are checked at run time. */
export type ValidName<Name extends string> = [Problem<Name>] extends [never] ? unknown : InvalidName<Problem<Name>>
