import type { Event } from "../pipeline/Event.ts"
import { describe, duration, type Line, parsePath } from "./describe.ts"
import type { Output, Reporter } from "./Reporter.ts"
import { rows, table } from "./table.ts"
import { fit, painter, printable, signs } from "./text.ts"

const erase = "\r\u001b[2K"

/** A step that runs, and what it found so far. */
interface Running {
  readonly name: string
  found: string
}

/** For a person at a terminal: a line for every step that has ended, and below it, for now, what is being done. */
export const terminal = (output: Output): Reporter => {
  const paint = painter(output.colors)
  const seen: Array<Event> = []
  const running = new Map<string, Running>()
  let lastOutput = ""

  const status = () => {
    if (running.size === 0) return ""
    const names = [...running.values()].map(({ name }) => name).join(", ")
    return paint("dim", fit(`… ${names}${lastOutput === "" ? "" : ` · ${lastOutput}`}`, output.columns - 1))
  }
  const show = (text: string) => output.write(`${erase}${text}\n${status()}`)

  /** What was done and how long it took stand in columns; the rest takes the room that is left. */
  const showLine = ({ action, detail, mark, subject }: Line, found: string, time: string) => {
    const [sign, style] = signs[mark]
    const head = `${action.padEnd(8)} ${time.padStart(9)}  `
    const said = [found, printable(detail)].filter((part) => part !== "").join(", ")
    const rest = fit(
      [subject, said].filter((part) => part !== "").join("  "),
      Math.max(10, output.columns - 3 - head.length)
    )
    const text = `${head}${rest}`.trimEnd()
    show(`${paint(style, sign)} ${mark === "skipped" ? paint("dim", text) : text}`)
  }

  /** What only says how far a step is goes into the line of its end, where that is still to come. */
  const isKept = (event: Event, line: Line): boolean => {
    const step = running.get(event.path)
    if (line.mark === "output") lastOutput = printable(line.detail).trim()
    if (step === undefined || (line.mark !== "note" && line.mark !== "output")) return false
    if (line.mark === "note") step.found = printable(line.detail)
    output.write(`${erase}${status()}`)
    return true
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
      if (event._tag === "RunStarted") show(paint("bold", event.name))
      const line = describe(event)
      if (line !== undefined && line.mark === "started") {
        const { keys, name } = parsePath(event.path)
        running.set(event.path, { name: [name, ...keys].join(" "), found: "" })
        output.write(`${erase}${status()}`)
      } else if (line !== undefined && !isKept(event, line)) {
        const found = running.get(event.path)?.found ?? ""
        const isEnd = line.mark !== "note" && line.mark !== "warning"
        if (isEnd && running.delete(event.path)) lastOutput = ""
        const time = isEnd && line.mark !== "skipped" && "millis" in event ? duration(event.millis) : ""
        showLine(line.mark === "done" ? { ...line, detail: "" } : line, isEnd ? found : "", time)
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
