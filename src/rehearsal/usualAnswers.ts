import { simulatedImage as image } from "../layers/docker/simulated.ts"
import type { Command, Output } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"

const output = (stdout: string): Output => ({ stdout, stderr: "", exitCode: 0 })

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" }

/** The architecture for which images are built by default. */
const localArchitecture = architectures[process.arch] ?? process.arch

/** The value after a flag. */
const wordAfter = (words: ReadonlyArray<string>, flag: string): string | undefined => words[words.indexOf(flag) + 1]

/**
 * Answers commands like machines on which nothing runs yet and every command succeeds. Derives ids and digests from names,
 * so that they are the same each time.
 */
export const usualAnswers = () => {
  const built = new Map<string, string>()
  return (machine: Machine, command: Command): Output => {
    // `arm/v7` has a variant, which engines report apart.
    const given = machine._tag === "Remote" ? machine.server.arch : undefined
    const arch = given?.replace(/\/.*$/, "") ?? localArchitecture
    if (command.usual !== undefined) return output(command.usual({ architecture: arch }))
    if (command.script === "secret") return output("value-from-command")
    const [, operation = ""] = command.words
    const reference = command.words.at(-1) ?? ""
    if (["build", "buildx"].includes(operation) && command.words.includes("--platform")) {
      const [, architecture = ""] = (wordAfter(command.words, "--platform") ?? "").split("/")
      built.set(wordAfter(command.words, "--tag") ?? "", architecture)
    }
    return operation === "image" ? output(image(reference, built.get(reference) ?? localArchitecture)) : output("")
  }
}
