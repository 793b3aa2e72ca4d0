import { Schema } from "effect"
import type { Event } from "../core/Event.ts"
import { type MachineReport, Report } from "../steps/doctor/Report.ts"
import type { Output } from "./Reporter.ts"
import { parsePath } from "./eventLine.ts"
import { truncate, painter, type Style, wrap } from "./text.ts"
import { plural } from "../core/text.ts"

type Check = MachineReport["checks"][number]

const signs: Readonly<Record<Check["status"], readonly [sign: string, style: Style]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["-", "dim"]
}

/** Neighbours that were skipped for the same reason, as one. */
const together = (checks: ReadonlyArray<Check>): ReadonlyArray<Check> => {
  const all: Array<Check> = []
  for (const check of checks) {
    const last = all.at(-1)
    const same = last?.status === "skipped" && check.status === "skipped" && last.text === check.text
    if (same) all.splice(-1, 1, { ...last, name: `${last.name}, ${check.name}` })
    else all.push(check)
  }
  return all
}

/** A report as a person reads it: a line a check, below it what to do about it. */
export const lines = (report: Report, output: Pick<Output, "columns" | "colors">): ReadonlyArray<string> => {
  const paint = painter(output.colors)
  const one = ({ name, remedy, status, text }: Check): ReadonlyArray<string> => {
    const [sign, style] = signs[status]
    const [first = "", ...more] = wrap(status === "skipped" ? `${name}: ${text}` : text, output.columns - 14)
    const head = status === "skipped" ? "" : name.padEnd(10)
    const says = `${head}${first}`
    return [
      `  ${paint(style, sign)} ${status === "skipped" ? paint("dim", says) : says}`,
      ...more.map((line) => `${" ".repeat(14)}${line}`),
      ...(remedy === undefined
        ? []
        : wrap(remedy, output.columns - 16).map(
            (line, index) => `${" ".repeat(14)}${index === 0 ? "→ " : "  "}${line}`
          ))
    ]
  }
  const machines = report.machines.flatMap(({ address, checks, name }) => [
    paint("bold", address === undefined ? name : `${name} (${address})`),
    ...together(checks).flatMap(one),
    ""
  ])
  const all = report.machines.flatMap(({ checks }) => checks)
  const count = (status: Check["status"]) => all.filter((check) => check.status === status).length
  const said = (number: number, word: string) => (number === 0 ? [] : [`${number} ${word}`])
  const [warnings, skipped] = [count("warning"), count("skipped")]
  const rest = [...(warnings === 0 ? [] : [plural(warnings, "warning")]), ...said(skipped, "skipped")]
  const end = [`${count("ok")} ok`, ...rest, ...said(count("failed"), "failed")].join(", ")
  return [...machines, paint(!report.ok ? "red" : warnings > 0 ? "yellow" : "green", end)]
}

const encode = Schema.encodeSync(Report)

/** A report as JSON, for programs. */
export const json = (report: Report): string => JSON.stringify(encode(report), null, 2)

/** Says on a terminal, for as long as it is so, what is being looked at. */
export const progress = (output: Output) => {
  const running = new Map<string, string>()
  const erase = "\r\u001b[2K"
  return {
    event: (event: Event): void => {
      if (event._tag === "StepStarted" && event.kind === "step") {
        const { keys, name } = parsePath(event.path)
        running.set(event.path, [name, ...keys].join(" "))
      } else if (!running.delete(event.path)) return
      const names = [...running.values()].join(", ")
      output.write(
        `${erase}${names === "" ? "" : painter(output.colors)("dim", truncate(`… ${names}`, output.columns - 1))}`
      )
    },
    end: (): void => output.write(erase)
  }
}
