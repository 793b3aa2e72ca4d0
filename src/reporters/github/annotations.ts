import type { Event, FailureRecord } from "../../core/Event.ts"
import { eventLine, parsePath } from "../eventLine.ts"
import type { Output, Reporter } from "../Reporter.ts"
import { workflowCommand, withRemedy } from "./workflowCommand.ts"

const subjectOf = (path: string): string => {
  const { keys, name } = parsePath(path)
  return [...keys, name].join(" ")
}

/** Turns failures and warnings into annotations of a GitHub workflow run. Adds the failures' messages to `reported`. */
export const annotations = (output: Pick<Output, "write">, reported = new Set<string>()): Reporter => {
  const report = (path: string, failures: ReadonlyArray<FailureRecord>) => {
    for (const { message, remedy } of failures) {
      reported.add(message)
      output.write(workflowCommand("error", withRemedy(message, remedy), { title: `${subjectOf(path)} failed` }))
    }
  }
  return {
    event(event: Event) {
      const line = eventLine(event)
      if (event._tag === "StepFailed" && line !== undefined) report(event.path, event.failures)
      else if (event._tag === "RunFailed") {
        // A failure outside all steps, such as a layer that cannot be built.
        report(
          event.path,
          event.failures.filter(({ message }) => !reported.has(message))
        )
      } else if (line?.mark === "warning")
        output.write(workflowCommand("warning", line.detail, { title: subjectOf(event.path) }))
    },
    end: () => {}
  }
}
