import type { Event } from "../pipeline/Event.ts"
import { describe, duration, parsePath } from "./describe.ts"
import type { Output, Reporter } from "./Reporter.ts"
import { rows, table } from "./table.ts"
import { fit, heading, painter, printable, signs } from "./text.ts"

const erase = "\r\u001b[2K"

/** For a person at a terminal: a line for everything that was done, and below it, for now, what is being done. */
export const terminal = (output: Output): Reporter => {
  const paint = painter(output.colors)
  const seen: Array<Event> = []
  const running = new Map<string, string>()
  let subjects = 0

  const status = () => {
    if (running.size === 0) return ""
    return paint("dim", fit(`… ${[...running.values()].join(", ")}`, output.columns - 1))
  }
  const show = (text: string) => output.write(`${erase}${text}\n${status()}`)

  const follow = (event: Event) => {
    if (event._tag === "StepStarted" && event.kind === "step") {
      const { keys, name } = parsePath(event.path)
      running.set(event.path, [...keys, name].join(" "))
      output.write(`${erase}${status()}`)
    }
    if (/^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(event._tag)) running.delete(event.path)
  }

  const closing = (event: Event) => {
    if (event._tag === "RunSucceeded") return paint("green", `✓ done in ${duration(event.millis)}`)
    if (event._tag === "RunFailed") return paint("red", `✗ failed after ${duration(event.millis)}`)
    if (event._tag === "RunInterrupted") return paint("yellow", `! interrupted after ${duration(event.millis)}`)
    return undefined
  }

  return {
    event(event) {
      seen.push(event)
      follow(event)
      if (event._tag === "RunStarted") show(paint("bold", event.name))
      const line = describe(event)
      if (line !== undefined && line.mark !== "started") {
        subjects = Math.max(subjects, line.subject.length)
        const [sign, style] = signs[line.mark]
        const head = `${heading(line, subjects)}  `
        const detail = fit(printable(line.detail), Math.max(10, output.columns - head.length - 3))
        const quiet = line.mark === "output" || line.mark === "skipped"
        show(`${paint(style, sign)} ${quiet ? paint("dim", head + detail) : `${head}${detail}`}`)
      }
      const end = closing(event)
      if (end !== undefined) show(end)
    },
    end() {
      const [head, ...lines] = table(rows(seen), output.columns)
      if (head !== undefined) output.write(`\n${paint("bold", head)}\n${lines.map((line) => `${line}\n`).join("")}`)
    }
  }
}
