import type { Event, FailureRecord } from "../../pipeline/Event.ts"
import { describe, parsePath } from "../describe.ts"
import type { Output, Reporter } from "../Reporter.ts"
import { printable } from "../text.ts"

/** What may stand in a workflow command, so that it ends where it should. https://github.com/actions/toolkit `command.ts` */
const data = (text: string): string =>
  text
    .split("\n")
    .map(printable)
    .join("\n")
    .trim()
    .replaceAll("%", "%25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A")

const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C")

const command = (level: "error" | "warning", title: string, text: string): string =>
  `::${level} title=${property(title)}::${data(text)}\n`

const about = (path: string): string => {
  const { keys, name } = parsePath(path)
  return [...keys, name].join(" ")
}

const failed = (path: string, failures: ReadonlyArray<FailureRecord>): string =>
  failures.map(({ message, remedy }) => command("error", `${about(path)} failed`, `${message}\n→ ${remedy}`)).join("")

/** Puts failures and warnings beside a workflow's run on GitHub, as annotations. */
export const annotations = (output: Pick<Output, "write">): Reporter => {
  let isTold = false
  return {
    event(event: Event) {
      const line = describe(event)
      if (event._tag === "StepFailed" && line !== undefined) {
        isTold = true
        output.write(failed(event.path, event.failures))
      } else if (event._tag === "RunFailed" && !isTold) {
        // What failed is no step, but what the steps need.
        output.write(failed(event.path, event.failures))
      } else if (line?.mark === "warning") output.write(command("warning", about(event.path), line.detail))
    },
    end: () => {}
  }
}
