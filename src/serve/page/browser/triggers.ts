import { send } from "./api.ts"
import { el } from "./dom.ts"
import { joinShell } from "./words.ts"
import { formatDateTime } from "../../../record/times.ts"

/** What starts runs of a project by itself, as the API shows it. */
interface Trigger {
  readonly name: string
  readonly source: string
  readonly command?: ReadonlyArray<string>
  readonly pipeline?: string
  /** The path that the sender has to call. */
  readonly hook?: string
  /** When it starts the next run, in epoch milliseconds. */
  readonly next?: number
  readonly problem?: string
}

const row = ({ command, hook, name, next, pipeline, problem, source }: Trigger): HTMLElement =>
  el(
    "li",
    { class: "run" },
    el("span", { class: "pill" }, source),
    el("span", { class: "title" }, `${name}: ${pipeline === undefined ? joinShell(command ?? []) : `run ${pipeline}`}`),
    el(
      "span",
      { class: "meta" },
      hook !== undefined && el("code", {}, hook),
      next !== undefined && el("span", {}, `next ${formatDateTime(next)}`),
      problem !== undefined && el("span", { class: "bad" }, problem)
    ),
    el("span", { class: "when" })
  )

/** The triggers of a project; nothing if it has none. */
export const triggersOf = (project: string): HTMLElement => {
  const list = el("ul", { class: "runs" })
  const section = el("section", { hidden: true }, el("h2", {}, "Starts by itself"), list)
  const load = async () => {
    const response = await send(`api/triggers?${new URLSearchParams({ project })}`)
    const all: ReadonlyArray<Trigger> = await response.json()
    section.hidden = all.length === 0
    list.replaceChildren(...all.map(row))
  }
  // The rest of the view works without it.
  load().catch(() => {})
  return section
}
