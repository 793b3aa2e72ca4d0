import { appendFileSync } from "node:fs"

/** What a bench measured. */
export interface Figure {
  /** What was measured, such as `small change, 4 servers: time against the script`. */
  readonly name: string
  readonly value: number
  /** `times` for a ratio. */
  readonly unit: "times" | "ms" | "s" | "MB" | "µs" | "%" | "a server" | "failed"
  /** The highest value that is good enough. */
  readonly most?: number
  /** The lowest value that is good enough. */
  readonly least?: number
}

export const print = (line: string): void => void process.stdout.write(`${line}\n`)

export const goalOf = ({ least, most }: Figure): string =>
  most === undefined ? (least === undefined ? "" : `≥ ${least}`) : `≤ ${most}`

export const isReached = ({ least, most, value }: Figure): boolean =>
  value <= (most ?? Number.POSITIVE_INFINITY) && value >= (least ?? Number.NEGATIVE_INFINITY)

const digits = { times: 2, s: 2, ms: 1, MB: 0, µs: 1, "%": 1, "a server": 1, failed: 1 } as const

export const valueOf = ({ unit, value }: Figure): string => `${value.toFixed(digits[unit])} ${unit}`

/** The file that `bench/all.ts` collects the figures of all benches from, one JSON value per line. */
export const figuresFile = "JIJI_BENCH_FIGURES"

/** Prints figures and their goals. Exits with code 1 at the end if a goal is missed. */
export const report = (...figures: ReadonlyArray<Figure>): void => {
  const collected = process.env[figuresFile]
  for (const figure of figures) {
    const goal = goalOf(figure)
    if (!isReached(figure)) process.exitCode = 1
    const mark = goal === "" ? "" : isReached(figure) ? "ok" : "MISSED"
    print(`${mark.padEnd(7)}${figure.name.padEnd(62)}${valueOf(figure).padStart(14)}   ${goal}`.trimEnd())
    if (collected !== undefined && collected !== "") appendFileSync(collected, `${JSON.stringify(figure)}\n`)
  }
}

/** Prints every measurement of a contender, and the median of all. */
export const printRounds = (name: string, values: ReadonlyArray<number>, median: number, unit: string): void =>
  print(`${name.padEnd(20)}${values.map((value) => value.toFixed(2)).join(" ")}  median ${median.toFixed(2)} ${unit}`)
