import { Result } from "effect"
import type { ConfigFile } from "./find.ts"
import type { Located } from "./Located.ts"
import { overlay } from "./overlay.ts"
import type { Problem } from "./Problem.ts"
import { decodeUtf8 } from "./utf8.ts"
import { parseYaml } from "./yaml.ts"

/** Parses a file. */
export const parseFile = ({ bytes, shown }: ConfigFile): ReturnType<typeof parseYaml> => {
  const text = decodeUtf8(bytes)
  if (typeof text === "string") return parseYaml(shown, text)
  const message = "is not UTF-8 text; save the file in that encoding"
  return { tree: undefined, problems: [{ file: shown, line: text.line, path: "", message }] }
}

/** Reads the deploy file merged with its environment's file, without validating them. Fails if one cannot be parsed. */
export const readTree = (
  files: readonly [ConfigFile, ...ReadonlyArray<ConfigFile>]
): Result.Result<Located | undefined, ReadonlyArray<Problem>> => {
  const parsed = files.map(parseFile)
  const broken = parsed.filter(({ tree }) => tree === undefined).flatMap(({ problems }) => problems)
  if (broken.length > 0) return Result.fail(broken)
  const [base, above] = parsed.map(({ tree }) => tree)
  return Result.succeed(base === undefined || above === undefined ? base : overlay(base, above))
}
