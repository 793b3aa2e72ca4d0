import type { Event, FailureRecord } from "../../core/Event.ts"
import { eventLine, parsePath } from "../eventLine.ts"
import type { Output, Reporter } from "../Reporter.ts"
import { workflowCommand, withRemedy } from "./workflowCommand.ts"

const about = (path: string): string => {
  const { keys, name } = parsePath(path)
  return [...keys, name].join(" ")
}

/** Puts failures and warnings beside a workflow's run on GitHub, as annotations. `told` gets the messages of failures. */
export const annotations = (output: Pick<Output, "write">, told = new Set<string>()): Reporter => {
  const tell = (path: string, failures: ReadonlyArray<FailureRecord>) => {
    for (const { message, remedy } of failures) {
      told.add(message)
      output.write(workflowCommand("error", withRemedy(message, remedy), { title: `${about(path)} failed` }))
    }
  }
  return {
    event(event: Event) {
      const line = eventLine(event)
      if (event._tag === "StepFailed" && line !== undefined) tell(event.path, event.failures)
      else if (event._tag === "RunFailed") {
        // What failed is no step, but what the steps need.
        tell(
          event.path,
          event.failures.filter(({ message }) => !told.has(message))
        )
      } else if (line?.mark === "warning")
        output.write(workflowCommand("warning", line.detail, { title: about(event.path) }))
    },
    end: () => {}
  }
}
