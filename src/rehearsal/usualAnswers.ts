import { createHash } from "node:crypto"
import type { Command, Output } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"

const digest = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`

const said = (stdout: string): Output => ({ stdout, stderr: "", exitCode: 0 })

const processors: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" }

/** What images are built for where nothing else is said. */
const own = processors[process.arch] ?? process.arch

const image = (reference: string, architecture: string): string =>
  JSON.stringify([{ Id: digest(reference), Architecture: architecture, Size: 0, RepoDigests: null }])

/** The word after a flag. */
const after = (words: ReadonlyArray<string>, flag: string): string | undefined => words[words.indexOf(flag) + 1]

/**
 * Answers a command as machines would on which all goes well, and where nothing runs yet. Ids and digests are made up,
 * from names: the same ones each time.
 */
export const usualAnswers = () => {
  const built = new Map<string, string>()
  return (machine: Machine, command: Command): Output => {
    const arch = machine._tag === "Remote" ? (machine.server.arch ?? own) : own
    const args = command.words.slice(4)
    const [engine = "docker", name = ""] = args
    switch (command.script) {
      case "secret":
        return said("what-its-command-prints")
      case "version":
        return said("abc1234\n")
      case "look":
        return said(`began 0\nended 0\nprocessor ${arch}\nengine ${engine} 0\n`)
      case "tunnel":
        return said("")
      case "probe":
        return said(`${engine} - ${arch}\n[]`)
      case "pull":
        return said(image(name, arch))
      case "push":
        return said(digest(name))
      case "registry":
        return said("created")
      case "replace":
        return said(`started ${digest(args.join(" ")).slice(7, 19)}`)
      default: {
        const [, operation = ""] = command.words
        const reference = command.words.at(-1) ?? ""
        if (operation === "build" && command.words.includes("--platform")) {
          const platform = after(command.words, "--platform") ?? ""
          built.set(after(command.words, "--tag") ?? "", platform.slice(platform.indexOf("/") + 1))
        }
        return operation === "image" ? said(image(reference, built.get(reference) ?? own)) : said("")
      }
    }
  }
}
