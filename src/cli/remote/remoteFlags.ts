import { Result } from "effect"
import { RemoteFlagInvalid } from "./RemoteError.ts"
import { remoteUses } from "./remoteUses.ts"

/** The `jiji serve` that a command goes to, and how. */
export interface Remote {
  readonly url: string
  /** Whether `--remote` names it, and not the environment. */
  readonly isExplicit: boolean
  readonly project?: string
  /** `-` is stdin. */
  readonly tokenFile?: string
  /** Whether to start a run without following it. */
  readonly detach: boolean
  /** Whether a token may travel without encryption. */
  readonly allowHttp: boolean
}

const withValue = ["--remote", "--project", "--token-file"] as const
const withoutValue = ["--detach", "--allow-http"] as const

type ValueFlag = (typeof withValue)[number]
type Flag = ValueFlag | (typeof withoutValue)[number]

/** Whether a word is one of these flags, with or without its value. */
export const isRemoteFlag = (word: string): boolean => {
  const [name = ""] = word.split("=")
  return [...withValue, ...withoutValue].some((flag) => flag === name)
}

/** Whether these flags may also stand behind a command. Pipelines and aliases have flags of their own. */
const canFollow = (command: string | undefined): boolean => {
  const use = command === undefined ? undefined : remoteUses[command]
  return command !== "run" && (use?._tag === "Run" || use?._tag === "Ask")
}

/**
 * Takes the flags of a remote command out of the words: those before the command, and before `--` behind one of jiji's own.
 * Without `--remote`, the environment names the server.
 */
export const splitRemoteFlags = (
  words: ReadonlyArray<string>,
  { JIJI_REMOTE = "" }: NodeJS.ProcessEnv
): Result.Result<{ readonly words: ReadonlyArray<string>; readonly remote?: Remote }, RemoteFlagInvalid> => {
  const rest: Array<string> = []
  const values = new Map<Flag, string>()
  let command: string | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ""
    if (word === "--" || (command !== undefined && !canFollow(command))) {
      rest.push(...words.slice(at))
      break
    }
    const [name = "", inline] = word.startsWith("--") ? word.split(/=(.*)/s) : []
    const valueFlag = withValue.find((flag) => flag === name)
    const otherFlag = inline === undefined ? withoutValue.find((flag) => flag === name) : undefined
    if (valueFlag !== undefined) {
      const value = inline ?? words[++at] ?? ""
      if (value === "") return Result.fail(new RemoteFlagInvalid({ flag: name, problem: "value" }))
      values.set(valueFlag, value)
    } else if (otherFlag !== undefined) values.set(otherFlag, "")
    else {
      rest.push(word)
      // Of other flags before the command, none takes a value.
      if (!word.startsWith("-")) command ??= word
    }
  }
  const url = values.get("--remote") ?? JIJI_REMOTE
  if (url === "") {
    const [flag] = values.keys()
    return flag === undefined
      ? Result.succeed({ words })
      : Result.fail(new RemoteFlagInvalid({ flag, problem: "remote" }))
  }
  const project = values.get("--project")
  const tokenFile = values.get("--token-file")
  return Result.succeed({
    words: rest,
    remote: {
      url,
      isExplicit: values.has("--remote"),
      detach: values.has("--detach"),
      allowHttp: values.has("--allow-http"),
      ...(project !== undefined && { project }),
      ...(tokenFile !== undefined && { tokenFile })
    }
  })
}
