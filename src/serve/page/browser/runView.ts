import type { Event } from "../../../core/Event.ts"
import { cancelRun, getRun, startRun } from "./api.ts"
import { addressOf, confirmed, el, link, onLeave } from "./dom.ts"
import { Log } from "./log.ts"
import { statusPill, statusText, titleOf } from "./runRow.ts"
import { allows, isOver, type Run, type View } from "./state.ts"
import { follow } from "./stream.ts"
import { Timeline } from "./timeline.ts"
import { ago, now, took } from "./times.ts"
import { waitsOf } from "./waits.ts"

/** How long to wait between two drawings, in milliseconds. A large run takes longer to draw, so it is drawn less often. */
const drawEvery = 60

/** How long to wait for all events of a run that has ended, in milliseconds. */
const patience = 2000

/** The two ways to look at a run, of which one is visible. */
const tabs = (choices: ReadonlyArray<readonly [text: string, panel: HTMLElement]>, onChange: () => void) => {
  const buttons = choices.map(([text]) => el("button", { type: "button", role: "tab", id: `tab-${text}` }, text))
  const choose = (index: number, focus = false) => {
    for (const [at, [text, panel]] of choices.entries()) {
      const button = buttons[at]
      button?.setAttribute("aria-selected", String(at === index))
      button?.setAttribute("tabindex", at === index ? "0" : "-1")
      panel.hidden = at !== index
      panel.setAttribute("role", "tabpanel")
      panel.setAttribute("aria-labelledby", `tab-${text}`)
    }
    if (focus) buttons[index]?.focus()
    onChange()
  }
  for (const [index, button] of buttons.entries()) {
    button.addEventListener("click", () => choose(index))
    button.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
      if (step !== 0) choose((index + step + buttons.length) % buttons.length, true)
    })
  }
  choose(0)
  return el("div", { class: "tabs", role: "tablist" }, ...buttons)
}

const fact = (name: string, ...value: ReadonlyArray<Node | string>) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, ...value))

const facts = (run: Run): ReadonlyArray<HTMLElement> => [
  fact("Project", link(["projects", run.project], {}, run.project)),
  fact("Started by", `${run.by}${run.cause === "api" ? "" : ` (${run.cause})`}`),
  fact("Queued", ago(run.created)),
  ...(run.started === undefined ? [] : [fact("Duration", took(run.started, run.ended))]),
  ...(run.attempt > 1 ? [fact("Attempt", String(run.attempt))] : []),
  ...(run.run === undefined ? [] : [fact("Run ID", run.run)])
]

/** Draws again and again while events come, but never so often that the page is busy with nothing else. */
const drawing = (view: View, draw: () => void) => {
  let isPlanned = false
  let wait = drawEvery
  const plan = () => {
    if (isPlanned || view.signal.aborted) return
    isPlanned = true
    setTimeout(() => {
      isPlanned = false
      if (view.signal.aborted) return
      const from = performance.now()
      draw()
      wait = Math.max(drawEvery, 3 * (performance.now() - from))
    }, wait)
  }
  return plan
}

/** A run: what it is, what one can do with it, its steps over time, and its log. */
export const runView = (view: View, id: number): HTMLElement => {
  const title = el("span", { class: "long" }, `Run ${id}`)
  const pill = el("span", { "aria-live": "polite" })
  const list = el("dl", {})
  const reason = el("div", { class: "failure", hidden: true })
  const waiting = el("div", { class: "wait-list", hidden: true })
  const actions = el("div", { class: "actions" })
  const timeline = new Timeline(() => plan())
  const log = new Log()
  let current: Run | undefined
  const opened = performance.now()
  let isComplete = false
  let isCancelled = false

  const draw = () => {
    timeline.draw(current === undefined || isOver(current) || isComplete ? undefined : now())
    log.draw()
  }
  const plan = drawing(view, draw)

  const attempt = async (button: HTMLButtonElement, action: () => Promise<void>) => {
    button.disabled = true
    try {
      await action()
    } catch (error) {
      view.notify(error instanceof Error ? error.message : String(error), "error")
    }
    button.disabled = false
  }
  const again = el("button", { type: "button" }, "Run again")
  again.addEventListener(
    "click",
    () =>
      void attempt(again, async () => {
        if (current === undefined) return
        const { command, project } = current
        if (!(await confirmed("Run again?", `Starts ${titleOf(current)} in ${project}, as a new run.`, "Start"))) return
        const run = await startRun({ project, command })
        view.runs.add([run])
        location.hash = addressOf(["runs", run.id])
      })
  )
  const cancel = el("button", { type: "button", class: "danger" }, "Cancel")
  cancel.addEventListener(
    "click",
    () =>
      void attempt(cancel, async () => {
        const text = isCancelled
          ? "The run ends at once, and does not undo its steps."
          : current?.status === "queued"
            ? "The run leaves the queue."
            : "The run undoes its steps and ends."
        if (
          !(await confirmed(
            isCancelled ? "End this run at once?" : "Cancel this run?",
            text,
            isCancelled ? "End it" : "Cancel the run"
          ))
        )
          return
        view.runs.add([await cancelRun(id)])
        isCancelled = true
        cancel.textContent = "End at once"
        view.notify(`Run ${id} is being cancelled.`)
      })
  )

  let shown = ""
  const update = () => {
    const run = view.runs.get(id) ?? current
    if (run === undefined) return
    current = run
    const text = JSON.stringify(run)
    if (text === shown) return
    shown = text
    title.textContent = titleOf(run)
    title.title = titleOf(run)
    document.title = `${titleOf(run)}: ${statusText(run)} · jiji`
    if (pill.textContent !== statusText(run)) pill.replaceChildren(statusPill(run))
    list.replaceChildren(...facts(run))
    reason.hidden = run.reason === undefined
    reason.replaceChildren(el("p", {}, run.reason ?? ""))
    const waits = run.status === "waiting" ? waitsOf(view, run) : []
    waiting.hidden = waits.length === 0
    waiting.replaceChildren(...waits)
    const canRun = allows(view.session, "run")
    const focused = document.activeElement
    const wanted = [...(canRun && !isOver(run) ? [cancel] : []), ...(canRun ? [again] : [])]
    if (wanted.length !== actions.childElementCount || wanted.some((each, at) => actions.children[at] !== each))
      actions.replaceChildren(...wanted)
    // Cancel is gone when the run has ended.
    if (focused === cancel && !cancel.isConnected) again.focus()
    plan()
  }

  const element = el(
    "main",
    {},
    el("header", {}, el("h1", {}, title, " ", pill), list, reason, waiting, actions),
    tabs(
      [
        ["Timeline", timeline.element],
        ["Log", log.element]
      ],
      () => draw()
    ),
    timeline.element,
    log.element
  )

  getRun(id).then(
    (run) => {
      view.runs.add([run])
      view.runs.watch(view.signal, update)
      void follow(`api/runs/${id}/events`, {
        signal: view.signal,
        onMessages: (messages) => {
          const events = messages.map(({ data }): Event => JSON.parse(data))
          timeline.add(events)
          log.add(events)
          // Of a run that has ended, everything comes at once: drawing parts of it would only take time.
          if (isComplete || current === undefined || !isOver(current) || performance.now() - opened > patience) plan()
        },
        isOver: async () => {
          const run = await getRun(id)
          view.runs.add([run])
          isComplete = isOver(run)
          plan()
          return isComplete
        }
      })
      // The bars of open steps grow.
      const timer = setInterval(() => {
        if (current !== undefined && !isOver(current) && document.visibilityState === "visible") plan()
      }, 500)
      onLeave(view.signal, () => clearInterval(timer))
    },
    (error: Error) => {
      reason.hidden = false
      reason.replaceChildren(el("p", {}, error.message))
      plan()
    }
  )
  return element
}
