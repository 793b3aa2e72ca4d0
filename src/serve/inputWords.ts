import { kebab } from "../core/text.ts"

/** The input of a pipeline as flags of `jiji run`. */
export const inputWords = (input: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.entries(input).flatMap(([key, value]) => {
    const name = kebab(key)
    if (value === undefined || value === null) return []
    if (typeof value === "boolean") return [value ? `--${name}` : `--no-${name}`]
    // With "=", a value can start with "-".
    return (Array.isArray(value) ? value : [value]).map((each) => `--${name}=${String(each)}`)
  })
