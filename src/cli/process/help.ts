import { Console, Effect, Option } from "effect"
import { CliOutput, Flag, GlobalFlag, type HelpDoc, TerminalCapabilities } from "effect/cli"
import { helpColumns, type HelpLine, type HelpSection, renderHelp } from "../../core/helpText.ts"
import { originalConsole } from "./stdout.ts"

/** The flags that every command has. */
export const globalFlags = [
  GlobalFlag.Help,
  GlobalFlag.Action({
    // effect lists the shells here, and again in the description.
    flag: Flag.withMetavar(GlobalFlag.Completions.flag, "SHELL"),
    run: GlobalFlag.Completions.run
  })
]

/** What to type, where effect's line is wrong: these commands parse some of their words themselves. */
const usages: ReadonlyMap<string, string> = new Map([
  ["jiji console", "jiji console SERVICE [flags] [-- ARGUMENT...]"],
  ["jiji exec", "jiji exec SERVICE [flags] -- COMMAND..."],
  ["jiji server exec", "jiji server exec [flags] -- COMMAND..."],
  ["jiji run", "jiji run PIPELINE [flags]"],
  ["jiji runs", "jiji runs [SUBCOMMAND] [flags]"]
])

const style = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`
const [bold, dim, green, cyan] = [style(1), style(2), style(32), style(36)]

/** Placeholders are in upper case: `<id>` becomes `ID`. */
const usageLine = ({ commandPath = [], usage }: HelpDoc.HelpDoc): string =>
  usages.get(commandPath.join(" ")) ?? usage.replaceAll(/<([^>]+)>/g, (_, name: string) => name.toUpperCase())

/** Puts notes that stand in parentheses beside each other into one pair: `(default: GET; choices: GET, HEAD)`. */
const joinNotes = (text: string): string => text.replace(/\) \((?=choices: )/, "; ")

const flagLine = ({ aliases, description, name, type }: HelpDoc.FlagDoc): HelpLine => {
  const names = [`--${name}`, ...aliases].map(green).join(", ")
  const text = joinNotes(Option.getOrElse(description, () => "").trim())
  return { term: type === "boolean" ? names : `${names} ${dim(type.toUpperCase())}`, text }
}

const argumentLine =
  (usage: string) =>
  ({ description, name, variadic }: HelpDoc.ArgDoc): HelpLine => {
    const term = `${name.toUpperCase()}${variadic ? "..." : ""}`
    const text = Option.getOrElse(description, () => "")
    const isRequired = usage.split(" ").includes(term)
    return {
      term: green(term),
      text: isRequired || text.includes("(default: ") ? text : `${text} ${dim("(optional)")}`
    }
  }

const section = (title: string, lines: ReadonlyArray<HelpLine>): ReadonlyArray<HelpSection> =>
  lines.length === 0 ? [] : [{ title: bold(title), lines }]

/** The sections of a command's help, with colors. */
export const helpSections = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpSection> => [
  ...section("DESCRIPTION", doc.description === "" ? [] : [{ text: doc.description }]),
  ...section("USAGE", [{ text: cyan(usageLine(doc)) }]),
  ...section("ARGUMENTS", (doc.args ?? []).map(argumentLine(usageLine(doc)))),
  ...section("FLAGS", [...doc.flags, ...(doc.inheritedFlags ?? [])].map(flagLine)),
  ...section("GLOBAL FLAGS", (doc.globalFlags ?? []).map(flagLine)),
  ...section(
    "SUBCOMMANDS",
    (doc.subcommands ?? []).flatMap(({ commands }) =>
      commands.map(({ description, name }) => ({ term: cyan(name), text: description }))
    )
  ),
  ...section(
    "EXAMPLES",
    (doc.examples ?? []).map(({ command, description = "" }) => ({ command: cyan(command), comment: dim(description) }))
  )
]

/** Prints help that was asked for. Of invalid usage, `supervise` prints the error alone. */
export const helpPresenter = CliOutput.layerPresenter({
  present: Effect.fnUntraced(function* (event) {
    if (event._tag !== "Help") return
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const layout = { columns: helpColumns(), colors: canColor }
    const text = renderHelp(helpSections(event.helpDoc), layout)
    // console.log adds the last line break.
    yield* Effect.provideService(Console.log(text.slice(0, -1)), Console.Console, originalConsole)
  })
})
