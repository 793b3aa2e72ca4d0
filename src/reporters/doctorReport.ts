import { Schema } from "effect"
import type { Event } from "../core/Event.ts"
import { type MachineReport, Report } from "../steps/doctor/Report.ts"
import type { Output } from "./Reporter.ts"
import { parsePath } from "./eventLine.ts"
import { prettyJson } from "./json.ts"
import { painter, type Style, truncate, wrap } from "./text.ts"
import { plural } from "../core/text.ts"

type Check = MachineReport["checks"][number]

const signs: Readonly<Record<Check["status"], readonly [sign: string, style: Style]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["-", "dim"]
}

/** Merges neighboring checks that were skipped for the same reason. */
const mergeSkipped = (checks: ReadonlyArray<Check>): ReadonlyArray<Check> => {
  const merged: Array<Check> = []
  for (const check of checks) {
    const last = merged.at(-1)
    const isSame = last?.status === "skipped" && check.status === "skipped" && last.text === check.text
    if (isSame) merged.splice(-1, 1, { ...last, name: `${last.name}, ${check.name}` })
    else merged.push(check)
  }
  return merged
}

/** Formats a report for the terminal: one line per check, with its remedy below it. */
export const reportLines = (report: Report, output: Pick<Output, "columns" | "colors">): ReadonlyArray<string> => {
  const paint = painter(output.colors)
  const checkLines = ({ name, remedy, status, text }: Check): ReadonlyArray<string> => {
    const [sign, style] = signs[status]
    const [first = "", ...more] = wrap(status === "skipped" ? `${name}: ${text}` : text, output.columns - 14)
    const head = status === "skipped" ? "" : name.padEnd(10)
    const line = `${head}${first}`
    return [
      `  ${paint(style, sign)} ${status === "skipped" ? paint("dim", line) : line}`,
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
    ...mergeSkipped(checks).flatMap(checkLines),
    ""
  ])
  const all = report.machines.flatMap(({ checks }) => checks)
  const count = (status: Check["status"]) => all.filter((check) => check.status === status).length
  const counted = (number: number, word: string) => (number === 0 ? [] : [`${number} ${word}`])
  const [warnings, skipped] = [count("warning"), count("skipped")]
  const rest = [...(warnings === 0 ? [] : [plural(warnings, "warning")]), ...counted(skipped, "skipped")]
  const summary = [`${count("ok")} ok`, ...rest, ...counted(count("failed"), "failed")].join(", ")
  return [...machines, paint(!report.ok ? "red" : warnings > 0 ? "yellow" : "green", summary)]
}

const encode = Schema.encodeSync(Report)

/** Formats a report as JSON. */
export const reportJson = (report: Report): string => prettyJson(encode(report))

/** Shows the running checks in one line of a terminal. Erases the line at the end. */
export const checkProgress = (output: Output) => {
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
