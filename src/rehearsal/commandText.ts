import { CommandLine } from "effect/process"
import type { Command } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"

/** Lists a command's environment variables, which are not on the command line: a server gets them on stdin. */
const variables = (machine: Machine, { env = {} }: Command): string => {
  const words = Object.entries(env)
    // The run differs each time, and only others that wait read it.
    .filter(([name, value]) => value !== "" && name !== "JIJI_RUN")
    .map(([name, value]) => `${name}=${typeof value === "string" ? CommandLine.display([value]) : "<redacted>"}`)
  const transport = machine._tag === "Remote" ? "via stdin" : "in the environment"
  return words.length === 0 ? "" : ` (${transport}: ${words.join(" ")})`
}

/** A command line without hashes of secrets, from which short values could be guessed. */
const withoutHashes = ({ script, words }: Command, text: string): string => {
  if (script !== "replace") return text
  const [, , , , , , , , config = ""] = words
  const parts = words.find((word) => word.startsWith("jiji.parts="))
  const hidden = parts === undefined ? text : text.replaceAll(CommandLine.display([parts]), "'jiji.parts=<config>'")
  return config === "" ? hidden : hidden.replaceAll(config, "<config>")
}

/** A command as a user would type it. Shows a script's name instead of its text, and only the names of secrets. */
export const commandText = (machine: Machine, command: Command): string => {
  const [program, ...args] = command.words
  const words: ReadonlyArray<string> = command.script === undefined ? command.words : [program, ...args.slice(3)]
  const shown = command.script === undefined ? words : [`jiji:${command.script}.sh`, ...words.slice(1)]
  const stdin = command.stdin === undefined ? "" : " < <redacted>"
  const text = withoutHashes(command, CommandLine.display(shown))
  return `${text}${stdin}${variables(machine, command)}`
}

/** An entry as `--dry-run` prints it. Actions other than commands start with `#`. */
export const entryText = (entry: Entry): string => {
  switch (entry._tag) {
    case "Command":
      return commandText(entry.machine, entry.command)
    case "Connect":
      return "# open the SSH connection"
    case "Forward":
      return `# forward 127.0.0.1:${entry.port} to the local registry on this machine`
    case "Import":
      return `# import the saved image into the local registry as ${entry.repository}:${entry.tag}`
    case "Serve":
      return `# serve the local registry, read-only, on 127.0.0.1:${entry.port}`
  }
}
