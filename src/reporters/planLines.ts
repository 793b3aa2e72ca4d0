import { Schema } from "effect"
import { joinWords, printable } from "../core/text.ts"
import { type PlannedAction, PlanReport, type ServerPlan } from "../steps/PlanPipeline.ts"
import type { Output } from "./Reporter.ts"
import { painter, type Style, wrap } from "./text.ts"

const nameOf = ({ replica, service }: PlannedAction): string => (replica === 1 ? service : `${service}-${replica}`)

const styles: Readonly<Record<string, Style>> = { start: "green", replace: "yellow", remove: "red" }

/** The lines of one server, each with the word that says what happens. */
const serverLines = ({ containers, maintenance, orphans, proxy, releases }: ServerPlan, removesOrphans: boolean) => {
  const kept = containers.filter(({ action, unless }) => action === "keep" && unless === undefined)
  const perhaps = containers.filter(({ action, unless }) => action === "keep" && unless !== undefined)
  const changed = containers.filter(({ action }) => action !== "keep")
  return [
    ...releases.map(({ command, service }) => ["run", `${command.join(" ")} (release of ${service})`] as const),
    ...changed.map((each) => {
      const built = each.action === "start" && each.builds === true ? ["image: would be built"] : []
      const why = [...each.because, ...built]
      return [each.action, `${nameOf(each)}${why.length === 0 ? "" : `: ${why.join("; ")}`}`] as const
    }),
    ...perhaps.map((each) => ["keep", `${nameOf(each)}, unless ${each.unless} has changed in its registry`] as const),
    ...(kept.length === 0 ? [] : [["keep", kept.map(nameOf).join(", ")] as const]),
    ...proxy.map((text) => ["proxy", text] as const),
    ...(maintenance.length === 0
      ? []
      : [["proxy", `${joinWords(maintenance)} in maintenance: a deploy does not end it`] as const]),
    ...orphans.map(({ name, removable, state }) =>
      removesOrphans && removable
        ? (["remove", `${name}; its volumes stay`] as const)
        : (["orphan", `${name} is ${state} but is not in deploy.yml for this server`] as const)
    )
  ]
}

/** Formats a plan for people. */
export const planLines = (
  { changes, environment, project, servers, tag }: PlanReport,
  output: Pick<Output, "columns" | "colors">,
  /** Whether the deploy removes services that deploy.yml does not have. */
  removesOrphans = false
): ReadonlyArray<string> => {
  const paint = painter(output.colors)
  const name = `${project}${environment === undefined ? "" : ` (${environment})`}`
  const hasOrphans = servers.some(({ orphans }) => orphans.some(({ removable }) => removable))
  return [
    `Plan for ${name}${tag === "" ? "" : `, version ${printable(tag)}`}:`,
    ...servers.flatMap((server) => [
      "",
      paint("bold", server.name),
      ...serverLines(server, removesOrphans).flatMap(([word, text]) => {
        const style = styles[word]
        const [first = "", ...rest] = wrap(printable(text), Math.max(20, output.columns - 10))
        const shown = style === undefined ? word.padEnd(7) : paint(style, word.padEnd(7))
        return [`  ${shown} ${first}`, ...rest.map((line) => `          ${line}`)]
      })
    ]),
    "",
    ...(changes || (removesOrphans && hasOrphans) ? [] : ["Nothing to do."]),
    ...(hasOrphans && !removesOrphans
      ? ["`jiji deploy --remove-orphans` removes services that deploy.yml does not have."]
      : [])
  ]
}

const encode = Schema.encodeSync(PlanReport)

/** Formats a plan as JSON. */
export const planJson = (report: PlanReport): object => encode(report)
