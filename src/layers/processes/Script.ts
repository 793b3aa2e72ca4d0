import { type Effect, Schema, SchemaTransformation } from "effect"
import type { Command, Simulated } from "./Command.ts"

/** A schema of an argument, which travels as text. */
type Argument = Schema.Top & {
  readonly Encoded: string
  readonly EncodingServices: never
  readonly DecodingServices: never
}

type Arguments = Readonly<Record<string, Argument>>

type Values<A extends Arguments> = Schema.Struct<A>["Type"]

/** A Boolean that a script gets as `yes`, or as an empty text. */
export const Flag = Schema.Literals(["yes", ""]).pipe(
  Schema.decodeTo(
    Schema.Boolean,
    SchemaTransformation.transform({
      decode: (word): boolean => word === "yes",
      encode: (is): "yes" | "" => (is ? "yes" : "")
    })
  )
)

/** A script of jiji's, which runs with `sh` on this machine or on a server. */
export interface Script<A extends Arguments, Answer, E> {
  /** Its file's name, without `.sh`. It is shown in place of the text. */
  readonly name: string
  /** What `sh` runs. */
  readonly text: string
  /** Decodes what the script prints to stdout if it succeeds. */
  readonly answer: (stdout: string) => Effect.Effect<Answer, E>
  /** A command that runs the script. `words` follow the arguments, as `$1`, `$2`, …. */
  readonly command: (values: Values<A>, words?: ReadonlyArray<string>) => Command
}

/**
 * Reads `NAME=VALUE` words into variables of these names, up to a word `--`. Without a word, the variable is empty,
 * whatever the environment says.
 */
const reader = (names: ReadonlyArray<string>): string => {
  const patterns = names.map((name) => `${name}=*`).join("|")
  return `${names.map((name) => `${name}=''`).join(" ")}
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    ${patterns}) eval "\${1%%=*}=\\\${1#*=}"; shift ;;
    *) echo "unknown argument \${1%%=*}" >&2; exit 64 ;;
  esac
done
`
}

/** Defines a script. Its text finds each argument in a shell variable of the same name. */
export const defineScript = <const A extends Arguments, Answer, E>(definition: {
  readonly name: string
  readonly text: string
  readonly args: A
  readonly answer: (stdout: string) => Effect.Effect<Answer, E>
  /** What a rehearsal answers: what the script prints to stdout where everything succeeds. */
  readonly usual: (values: Values<A>, machine: Simulated, words: ReadonlyArray<string>) => string
  /** Texts to show in place of arguments that nobody can read, such as encoded ones. */
  readonly shown?: (values: Values<A>) => Readonly<Record<string, string>>
  /** What a person would type to do the same by hand: the words of each command. */
  readonly byHand?: (values: Values<A>, words: ReadonlyArray<string>) => ReadonlyArray<ReadonlyArray<string>>
}): Script<A, Answer, E> => {
  const { answer, args, byHand, name, shown, usual } = definition
  const names = Object.keys(args)
  const text = `${reader(names)}${definition.text}`
  const encode = Schema.encodeSync(Schema.Struct(args))
  return {
    name,
    text,
    answer,
    command: (values, words = []) => {
      const encoded: Readonly<Record<string, string>> = encode(values)
      const given = names.filter((each) => encoded[each] !== "").map((each) => `${each}=${encoded[each]}`)
      return {
        words: ["sh", "-c", text, "jiji", ...given, ...(words.length === 0 ? [] : ["--", ...words])],
        script: name,
        arguments: { ...encoded, ...shown?.(values) },
        usual: (machine) => usual(values, machine, words),
        ...(byHand !== undefined && { byHand: byHand(values, words) })
      }
    }
  }
}
