import { Redacted } from "effect"
import { randomBytes } from "node:crypto"

/** A file that a container finds at `target`, read-only. */
export interface FileToMount {
  readonly target: string
  /** In octal digits, such as `0444`. */
  readonly mode: string
  readonly content: Redacted.Redacted<string | Uint8Array>
}

/** The beginning of the word that mounts a file of a folder. */
const mountSource = (folder: string): string => `type=bind,source=${folder}/`

/**
 * What a script with `files.sh` needs to write and mount files. The folder's name is random: every user of the server can read a command
 * line, so it must not be a hash of secrets, from which short ones could be guessed.
 */
export const filesToMount = (files: ReadonlyArray<FileToMount>) => {
  const folder = files.length === 0 ? "" : randomBytes(8).toString("hex")
  const lines = files.map(({ content }) => `${Buffer.from(Redacted.value(content)).toString("base64")}\n`)
  return {
    folder,
    modes: files.map(({ mode }) => mode).join(" "),
    words: files.flatMap(({ target }, index) => [
      "--mount",
      `${mountSource(folder)}${index + 1},target=${target},readonly`
    ]),
    stdin: files.length === 0 ? undefined : Redacted.make(lines.join(""))
  }
}

/** Completes the words of a dry run, as the script does. */
export const withFolder = (words: ReadonlyArray<string>, mounts: string, name: string): ReadonlyArray<string> =>
  mounts === "" ? words : words.map((word) => word.replace(mountSource(mounts), mountSource(`~/.jiji/files/${name}`)))
