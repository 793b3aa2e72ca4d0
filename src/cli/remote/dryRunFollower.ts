import { Effect, Stream } from "effect"
import type { Event } from "../../core/Event.ts"
import { wholeRun } from "../../core/runEvents.ts"
import { oneLine } from "../../core/text.ts"
import type { Follower, Output } from "../../reporters/Reporter.ts"
import { dryRunNotes } from "../dryRunNotes.ts"

type Planned = Extract<Event, { readonly _tag: "ActionPlanned" | "CommandPlanned" }>

const isPlanned = (event: Event): event is Planned => event._tag === "CommandPlanned" || event._tag === "ActionPlanned"

/** The commands and actions by machine, numbered in the order of all. */
const plannedLines = (all: ReadonlyArray<Planned>): ReadonlyArray<string> => {
  const places = new Map<string, Array<string>>()
  for (const [index, { _tag, machine, text }] of all.entries()) {
    const place = machine === "local" ? "on this machine" : `on ${machine}`
    const lines = text.split("\n").map((line, nth) => {
      const number = nth === 0 ? String(index + 1) : ""
      return `${number.padStart(4)}  ${_tag === "ActionPlanned" ? "# " : ""}${line}`
    })
    places.set(place, [...(places.get(place) ?? []), ...lines])
  }
  return [...places].flatMap(([place, lines]) => ["", `${place}:`, ...lines])
}

/** Prints what a dry run on another machine would do, as a dry run on this machine is printed. */
export const dryRunFollower =
  ({ write }: Pick<Output, "write">): Follower =>
  (run) =>
    Effect.map(Stream.runCollect(wholeRun(run)), (events) => {
      const planned = events.filter(isPlanned)
      const commands = planned.flatMap((event) => (event._tag === "CommandPlanned" ? [event] : []))
      const warnings = events.flatMap((event) =>
        event._tag === "StepNoted" && event.level === "warning" ? [`  ${event.path}: ${oneLine(event.text)}`] : []
      )
      const notes = dryRunNotes(commands)
      const [name = "run"] = events.flatMap((event) => (event._tag === "RunStarted" ? [event.name] : []))
      const lines = [
        `Dry run: ${oneLine(name)}, as if nothing ran there yet. This machine is that of jiji serve.`,
        ...(planned.length === 0 ? ["", "No command would run."] : plannedLines(planned)),
        ...(warnings.length === 0 ? [] : ["", "warnings:", ...warnings]),
        ...(notes.length === 0 ? [] : ["", ...notes])
      ]
      write(`${lines.join("\n")}\n`)
    })
