import { Effect, Result } from "effect"
import { check } from "../config/check.ts"
import { readProjectFiles } from "../config/mountedFiles.ts"
import type { Problem } from "../config/Problem.ts"
import { type Draft, isValues, type Note, type Value, type Values } from "./Draft.ts"
import { deployText } from "./render.ts"

const shown = ".jiji/deploy.yml"

/** All problems that jiji has with deploy files of these texts. */
const problemsOf = Effect.fnUntraced(function* (root: string, texts: readonly [string, ...ReadonlyArray<string>]) {
  const encoder = new TextEncoder()
  const [base, ...above] = texts
  const checked = check([
    { shown, bytes: encoder.encode(base) },
    ...above.map((text) => ({ shown: ".jiji/deploy.ENVIRONMENT.yml", bytes: encoder.encode(text) }))
  ])
  const { tree } = Result.merge(checked)
  const mounted = tree === undefined ? [] : (yield* readProjectFiles(tree, root)).problems
  return [...(Result.isFailure(checked) ? checked.failure.problems : []), ...mounted]
})

/** Whether jiji loads a deploy file with another one merged on top. */
export const isValid = (root: string, texts: readonly [string, ...ReadonlyArray<string>]) =>
  Effect.map(problemsOf(root, texts), (problems) => problems.length === 0)

/**
 * Removes the value at a path such as `services.web.ports[0]`, or what it should be in if it is missing. Returns the rest and
 * the path of what was removed; undefined if that is everything.
 */
const remove = (
  value: Value | undefined,
  path: string,
  at = ""
): { readonly rest: Value; readonly removed: string } | undefined => {
  if (Array.isArray(value)) {
    const items: ReadonlyArray<Value> = value
    const [, digits = "", rest = ""] = /^\[(\d+)\]\.?(.*)$/su.exec(path) ?? []
    const index = Number(digits)
    if (digits === "" || items[index] === undefined) return undefined
    const inner = rest === "" ? undefined : remove(items[index], rest, `${at}[${index}]`)
    if (inner !== undefined) return { rest: items.with(index, inner.rest), removed: inner.removed }
    return { rest: items.filter((_, each) => each !== index), removed: `${at}[${index}]` }
  }
  if (!isValues(value)) return undefined
  // Keys of labels contain dots, so the longest key that fits is the one.
  const key = Object.keys(value)
    .filter((name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`))
    .toSorted((a, b) => b.length - a.length)[0]
  if (key === undefined) return undefined
  const below = at === "" ? key : `${at}.${key}`
  const rest = path.slice(key.length).replace(/^\./u, "")
  const inner = rest === "" ? undefined : remove(value[key], rest, below)
  const isEmpty = Array.isArray(inner?.rest) && inner.rest.length === 0
  if (inner !== undefined && !isEmpty) return { rest: { ...value, [key]: inner.rest }, removed: inner.removed }
  return { rest: Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)), removed: below }
}

/** Removes texts with ERB, which jiji would take literally. */
const withoutErb = (value: Value, path: string, notes: Array<Note>): Value | undefined => {
  if (typeof value === "string" && value.includes("<%")) {
    notes.push({ key: path, text: `has ERB, which jiji does not run: ${value}` })
    return undefined
  }
  if (Array.isArray(value)) {
    const items: ReadonlyArray<Value> = value
    return items.flatMap((item, index) => withoutErb(item, `${path}[${index}]`, notes) ?? [])
  }
  if (!isValues(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const kept = withoutErb(inner, path === "" ? key : `${path}.${key}`, notes)
      return kept === undefined ? [] : [[key, kept] as const]
    })
  )
}

const noteOf = ({ message }: Problem, removed: string): Note => ({
  key: removed,
  text: `left out: ${message}`
})

/**
 * Leaves out of a draft what jiji does not accept, and notes it: what remains loads without a problem. Undefined if nothing
 * useful remains.
 */
export const settle = Effect.fnUntraced(function* ({ deploy, notes }: Draft, root: string) {
  const added: Array<Note> = []
  let rest = withoutErb(deploy, "", added)
  while (isValues(rest)) {
    const problems = yield* problemsOf(root, [deployText(rest, "schema")])
    const [problem] = problems
    if (problem === undefined) return { deploy: rest, notes: [...notes, ...added] } satisfies Draft
    const result = remove(rest, problem.path)
    if (result === undefined) return undefined
    added.push(noteOf(problem, result.removed))
    const left: Value = result.rest
    rest = isValues(left) ? left : undefined
  }
  return undefined
})

/** What is wrong with a draft, or undefined: for answers, which jiji does not leave out. */
export const faultOf = (deploy: Values): string | undefined => {
  const checked = check([{ shown, bytes: new TextEncoder().encode(deployText(deploy, "schema")) }])
  return Result.isFailure(checked) ? checked.failure.problems[0]?.message : undefined
}
