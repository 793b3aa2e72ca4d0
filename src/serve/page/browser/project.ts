import { getPipelines, getProjects } from "./api.ts"
import { commands } from "./commands.ts"
import { el, link } from "./dom.ts"
import { activeRuns, history } from "./home.ts"
import { allows, type View } from "./state.ts"
import { triggersOf } from "./triggers.ts"

const startLink = (project: string, kind: "pipeline" | "command", name: string, text: string, description: string) =>
  el(
    "li",
    {},
    link(
      ["start", project, kind, name],
      { class: "card" },
      el("span", { class: "name-of" }, text),
      el("span", { class: "note-of" }, description)
    )
  )

/** A project: what it can start, and its runs. */
export const project = (view: View, name: string): HTMLElement => {
  const problem = el("div", { class: "failure", hidden: true })
  const pipelines = el("ul", { class: "cards" }, el("li", { class: "empty" }, "Loading the pipelines…"))
  const canRun = allows(view.session, "run")

  getProjects().then(
    (all) => {
      const found = all.find((each) => each.name === name)
      const text = found === undefined ? `There is no project ${name}.` : found.problem
      if (text === undefined) return
      problem.hidden = false
      problem.append(el("p", {}, text))
    },
    (error: Error) => view.notify(error.message, "error")
  )
  const start = el("section", {}, el("h2", {}, "Start"))
  if (canRun) {
    getPipelines(name).then(
      (all) =>
        pipelines.replaceChildren(
          ...all.map((each) =>
            each.problem === undefined
              ? startLink(name, "pipeline", each.name, each.name, each.description || "pipeline")
              : el(
                  "li",
                  { class: "card broken" },
                  el("span", { class: "name-of" }, each.name),
                  el("span", { class: "note-of bad" }, each.problem)
                )
          ),
          ...(all.length === 0 ? [el("li", { class: "empty" }, "No pipelines in .jiji/pipelines.")] : [])
        ),
      () => pipelines.replaceChildren()
    )
    start.append(
      el("h3", {}, "Pipelines"),
      pipelines,
      el("h3", {}, "Commands"),
      el(
        "ul",
        { class: "chips" },
        ...commands
          .filter(({ role }) => allows(view.session, role))
          .map(({ description, name: command }) =>
            el("li", {}, link(["start", name, "command", command], { class: "chip", title: description }, command))
          )
      )
    )
  }
  return el(
    "main",
    {},
    el("header", {}, el("h1", {}, name), problem),
    activeRuns(view, name),
    ...(canRun ? [start] : []),
    triggersOf(name),
    history(view, name)
  )
}
