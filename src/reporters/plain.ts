import type { Event } from "../core/Event.ts"
import { interruptedText } from "./interruptedText.ts"
import { eventLine, detailText, type Mark, resumedSummary } from "./eventLine.ts"
import type { Output, Reporter } from "./Reporter.ts"
import { throttled } from "./throttled.ts"
import { deployRows, deployTable } from "./table.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

const prefixes: Readonly<Record<Mark, string>> = {
  started: "",
  done: "done in ",
  resumed: "",
  skipped: "skipped: ",
  failed: "FAILED: ",
  interrupted: "",
  note: "",
  warning: "warning: ",
  output: "| "
}

const unthrottled = (output: Output): Reporter => {
  const seen: Array<Event> = []
  let began = 0
  let ownRun: string | undefined
  return {
    event(event) {
      if ("kind" in event) seen.push(event)
      if (event._tag === "RunStarted" && ownRun === undefined) {
        began = event.time
        ownRun = event.run
      }
      const seconds = `${((event.time - began) / 1000).toFixed(1)}s`.padStart(7)
      if (event._tag === "RunStarted") output.write(`${seconds}  ${oneLine(event.name)}, run ${event.run}\n`)
      // A run that a step started is named, so that its end does not look like the end of everything.
      const name = event.run === ownRun ? "" : `${oneLine(event.path)} `
      if (event._tag === "RunSucceeded") output.write(`${seconds}  ${name}done\n`)
      if (event._tag === "RunFailed") output.write(`${seconds}  ${name}failed after ${formatDuration(event.millis)}\n`)
      if (event._tag === "RunInterrupted") output.write(`${seconds}  ${name}${interruptedText(event)}\n`)
      const line = eventLine(event)
      if (line === undefined || line.mark === "started") return
      const label = [line.subject, line.action].filter((part) => part !== "").join(" ")
      output.write(`${seconds}  ${label}: ${prefixes[line.mark]}${detailText(line)}\n`)
    },
    end() {
      const resumed = resumedSummary(seen)
      if (resumed !== undefined) output.write(`\n${resumed}\n`)
      const lines = deployTable(deployRows(seen), output.columns)
      if (lines.length > 0) output.write(`\n${lines.join("\n")}\n`)
    }
  }
}

/** Writes plain text for logs and pipes. Each line starts with the seconds since the start of the run. */
export const plain = (output: Output): Reporter => throttled(unthrottled(output))
