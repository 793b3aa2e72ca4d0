import type { Event } from "../core/Event.ts"
import { eventLine, detailOf, type Mark } from "./eventLine.ts"
import type { Output, Reporter } from "./Reporter.ts"
import { throttled } from "./throttled.ts"
import { rows, table } from "./table.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

const words: Readonly<Record<Mark, string>> = {
  started: "",
  done: "done in ",
  skipped: "skipped: ",
  failed: "FAILED: ",
  interrupted: "",
  note: "",
  warning: "warning: ",
  output: "| "
}

const all = (output: Output): Reporter => {
  const seen: Array<Event> = []
  let began = 0
  return {
    event(event) {
      if ("kind" in event) seen.push(event)
      if (event._tag === "RunStarted") began = event.time
      const seconds = `${((event.time - began) / 1000).toFixed(1)}s`.padStart(7)
      if (event._tag === "RunStarted") output.write(`${seconds}  ${oneLine(event.name)}, run ${event.run}\n`)
      if (event._tag === "RunSucceeded") output.write(`${seconds}  done\n`)
      if (event._tag === "RunFailed") output.write(`${seconds}  failed after ${formatDuration(event.millis)}\n`)
      if (event._tag === "RunInterrupted")
        output.write(`${seconds}  interrupted after ${formatDuration(event.millis)}\n`)
      const line = eventLine(event)
      if (line === undefined || line.mark === "started") return
      const about = [line.subject, line.action].filter((part) => part !== "").join(" ")
      output.write(`${seconds}  ${about}: ${words[line.mark]}${detailOf(line)}\n`)
    },
    end() {
      const lines = table(rows(seen), output.columns)
      if (lines.length > 0) output.write(`\n${lines.join("\n")}\n`)
    }
  }
}

/** For logs and pipes: a line at a time with the seconds since the beginning, nothing but text. */
export const plain = (output: Output): Reporter => throttled(all(output))
