import { getProjects, getQueue, getRuns, type ProjectInfo } from "./api.ts"
import { el, keyedList, link } from "./dom.ts"
import { runRow, statusPill } from "./runRow.ts"
import { isOver, type Run, type View } from "./state.ts"
import { ago } from "./times.ts"

/** How many runs are shown at first, and how many more one click shows. */
const pageSize = 50

/** The runs that have ended, the newest first, with a button for older ones. */
export const history = (view: View, project?: string): HTMLElement => {
  const { runs, signal } = view
  const list = el("ul", { class: "runs" })
  const draw = keyedList<Run>(list, ({ id }) => id, runRow)
  const empty = el("p", { class: "empty", hidden: true }, "No run has ended yet.")
  const more = el("button", { type: "button", class: "quiet", hidden: true }, "Show older runs")
  /** The list has all runs from this ID on, since it has asked for older ones. */
  let loaded: number | undefined
  let limit = pageSize

  const update = () => {
    if (!runs.isLoaded) return
    const floor = loaded ?? runs.floor
    const known = runs.all.filter(
      (run) => isOver(run) && run.id >= floor && (project === undefined || run.project === project)
    )
    draw(known.slice(0, limit))
    more.hidden = floor <= 1 && known.length <= limit
    empty.hidden = known.length > 0 || !more.hidden
  }
  const load = async () => {
    limit += pageSize
    more.disabled = true
    const before = loaded ?? runs.floor
    if (before > 1) {
      const older = await getRuns({
        limit: String(pageSize),
        before: String(before),
        ...(project !== undefined && { project })
      })
      loaded = older.length < pageSize ? 0 : Math.min(...older.map(({ id }) => id))
      runs.add(older)
    }
    update()
  }
  more.addEventListener("click", () => {
    load()
      .catch((error: Error) => view.notify(error.message, "error"))
      .finally(() => (more.disabled = false))
  })
  runs.watch(signal, update)
  return el("section", {}, el("h2", {}, "History"), list, empty, more)
}

/** How long to wait before the queue is asked again, in milliseconds: often many runs change together. */
const queueDelay = 200

/** Why runs do not run, by their IDs in the order of the queue. */
const queueReasons = (view: View, onChange: () => void) => {
  let reasons = new Map<number, string>()
  let asked = ""
  let timer: ReturnType<typeof setTimeout> | undefined
  const ask = async () => {
    reasons = new Map((await getQueue()).map(({ run, why }) => [run.id, why]))
    if (!view.signal.aborted) onChange()
  }
  return {
    get reasons() {
      return reasons
    },
    /** Asks again if other runs are in the queue than before. */
    update: (active: ReadonlyArray<Run>): void => {
      const text = JSON.stringify(active.map(({ id, status, waits }) => [id, status, waits]))
      if (text === asked) return
      asked = text
      clearTimeout(timer)
      // The list works without it.
      timer = setTimeout(() => void ask().catch(() => {}), queueDelay)
    }
  }
}

/** The runs that have not ended: those that run, then the queue in its order. */
export const activeRuns = (view: View, project?: string): HTMLElement => {
  const list = el("ul", { class: "runs" })
  const draw = keyedList<Run & { readonly why?: string | undefined }>(list, ({ id }) => id, runRow)
  const empty = el("p", { class: "empty", hidden: true }, "Nothing is running or queued.")
  const count = el("span", { class: "number" })
  const order = { running: 0, waiting: 1, queued: 2 } as const
  const orderOf = ({ status }: Run) => (status === "running" || status === "waiting" ? order[status] : order.queued)
  const update = () => {
    if (!view.runs.isLoaded) return
    const active = view.runs.all.filter((run) => !isOver(run))
    queue.update(active)
    const places = new Map([...queue.reasons.keys()].map((id, place) => [id, place]))
    const placeOf = ({ id }: Run) => places.get(id) ?? Number.MAX_SAFE_INTEGER
    const shown = active
      .filter((run) => project === undefined || run.project === project)
      .sort((a, b) => orderOf(a) - orderOf(b) || placeOf(a) - placeOf(b) || a.id - b.id)
    draw(shown.map((run) => ({ ...run, why: run.status === "running" ? undefined : queue.reasons.get(run.id) })))
    empty.hidden = shown.length > 0
    count.textContent = shown.length === 0 ? "" : String(shown.length)
  }
  const queue = queueReasons(view, update)
  view.runs.watch(view.signal, update)
  return el("section", { class: "active" }, el("h2", {}, "Now ", count), list, empty)
}

const card = ({ last, name, problem }: ProjectInfo & { readonly last?: Run | undefined }): HTMLElement =>
  el(
    "li",
    {},
    link(
      ["projects", name],
      { class: "card" },
      el("span", { class: "name-of" }, name),
      problem !== undefined
        ? el("span", { class: "note-of bad" }, "deploy.yml has a problem")
        : last === undefined
          ? el("span", { class: "note-of" }, "no runs yet")
          : el("span", { class: "note-of" }, statusPill(last), ago(last.ended ?? last.started ?? last.created))
    )
  )

/** The projects, the runs that run, and those that have ended. */
export const home = (view: View): HTMLElement => {
  const list = el("ul", { class: "cards" })
  const draw = keyedList<ProjectInfo & { readonly last?: Run | undefined }>(list, ({ name }) => name, card)
  const empty = el(
    "p",
    { class: "empty", hidden: true },
    "No projects yet. A project is a folder with a .jiji/deploy.yml below the served folder."
  )
  let projects: ReadonlyArray<ProjectInfo> | undefined
  const update = () => {
    if (projects === undefined) return
    draw(projects.map((project) => ({ ...project, last: view.runs.all.find((run) => run.project === project.name) })))
    empty.hidden = projects.length > 0
  }
  view.runs.watch(view.signal, update)
  getProjects().then(
    (found) => {
      projects = found
      update()
    },
    (error: Error) => view.notify(error.message, "error")
  )
  return el(
    "main",
    {},
    el("h1", { class: "only-spoken" }, "Overview"),
    activeRuns(view),
    el("section", {}, el("h2", {}, "Projects"), list, empty),
    history(view)
  )
}
