import { createHash } from "node:crypto"
import { CommandLine } from "effect/process"
import type { Project } from "../config/Project.ts"
import type { Command, Output } from "../layers/Command.ts"
import type { Machine } from "../layers/Machine.ts"
import type { Answer, Entry } from "./Recording.ts"

const digest = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`

const said = (stdout: string): Output => ({ stdout, stderr: "", exitCode: 0 })

const processors: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" }

/** What images are built for where nothing else is said. */
const own = processors[process.arch] ?? process.arch

const image = (reference: string, architecture: string): string =>
  JSON.stringify([{ Id: digest(reference), Architecture: architecture, Size: 0, RepoDigests: null }])

/** The architecture that the image of a reference is built for, as the project says. */
const architecture = (project: Project): string => project.servers.find(({ arch }) => arch !== undefined)?.arch ?? own

/**
 * Answers for a rehearsal of a deploy in which all goes well, of servers on which nothing runs yet. Ids and digests are
 * made up.
 */
export const answers =
  (project: Project): Answer =>
  (machine: Machine, command: Command): Output => {
    const arch = machine._tag === "Remote" ? (machine.server.arch ?? own) : architecture(project)
    const args = command.words.slice(4)
    switch (command.script) {
      case "secret":
        return said("what-its-command-prints")
      case "look":
        return said(`began 0\nended 0\nprocessor ${arch}\nengine ${project.engine} 0\n`)
      case "tunnel":
        return said("")
      case "probe":
        return said(`${project.engine} - ${arch}\n[]`)
      case "pull":
        return said(image(args[1] ?? "", arch))
      case "push":
        return said(digest(args[1] ?? ""))
      case "registry":
        return said("created")
      case "replace":
        return said(`started ${digest(args.join(" ")).slice(7, 19)}`)
      default: {
        const [, operation = ""] = command.words
        const reference = command.words.at(-1) ?? ""
        return operation === "image" ? said(image(reference, arch)) : said("")
      }
    }
  }

const where = (machine: Machine): string => {
  if (machine._tag === "Local") return "on this machine"
  const { host, name, port, user } = machine.server
  return `on ${name} (${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`})`
}

/** A command's variables, which are on no command line: a server gets them on stdin. */
const variables = (machine: Machine, { env = {} }: Command): string => {
  const words = Object.entries(env)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${typeof value === "string" ? CommandLine.display([value]) : "<redacted>"}`)
  const way = machine._tag === "Remote" ? "by stdin" : "in the environment"
  return words.length === 0 ? "" : ` (${way}: ${words.join(" ")})`
}

/** A command as one would type it. A script is named in place of its text, and of a secret only the name is shown. */
const commandText = (machine: Machine, command: Command): string => {
  const [program, ...args] = command.words
  const words: ReadonlyArray<string> = command.script === undefined ? command.words : [program, ...args.slice(3)]
  const shown = command.script === undefined ? words : [`jiji:${command.script}.sh`, ...words.slice(1)]
  // A hash of secrets too, from which a short one could be guessed.
  const config = command.script === "replace" ? command.words[8] : undefined
  const stdin = command.stdin === undefined ? "" : " < <redacted>"
  const text = CommandLine.display(shown)
  const safe = config === undefined ? text : text.replaceAll(config, "<config>")
  return `${safe}${stdin}${variables(machine, command)}`
}

const text = (entry: Entry): string => {
  switch (entry._tag) {
    case "Command":
      return commandText(entry.machine, entry.command)
    case "Connect":
      return "# open the SSH connection"
    case "Forward":
      return `# forward 127.0.0.1:${entry.port} to the local registry on this machine`
    case "Import":
      return `# import what was saved into the local registry, as ${entry.repository}:${entry.tag}`
    case "Serve":
      return `# serve the local registry, read-only, on 127.0.0.1:${entry.port}`
  }
}

/** What was recorded, by machine: each command in order, numbered through all machines. */
export const lines = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const places = [...new Set(entries.map(({ machine }) => where(machine)))]
  const numbered = entries.map((entry, index) => ({ entry, number: String(index + 1).padStart(4) }))
  return places.flatMap((place) => [
    "",
    `${place}:`,
    ...numbered
      .filter(({ entry }) => where(entry.machine) === place)
      .map(({ entry, number }) => `${number}  ${text(entry)}`)
  ])
}
