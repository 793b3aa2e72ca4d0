import type { Event } from "../../../core/Event.ts"
import { detailText, eventLine, type Mark } from "../../../reporters/eventLine.ts"
import { el } from "./dom.ts"

/** How many lines a browser lays out at once. It skips blocks that nobody sees. */
const linesPerBlock = 200

const signs: Readonly<Record<Mark, string>> = {
  started: "▸",
  done: "✓",
  resumed: "✓",
  skipped: "–",
  failed: "✗",
  interrupted: "!",
  note: "·",
  warning: "!",
  output: ""
}

/** All lines of a run in the order in which they came. */
export class Log {
  readonly #lines = el("div", {
    class: "log lines",
    role: "log",
    "aria-live": "off",
    tabindex: "0",
    "aria-label": "Log of the run"
  })
  readonly #filter = el("input", {
    type: "search",
    placeholder: "Filter lines",
    "aria-label": "Filter lines",
    autocomplete: "off",
    spellcheck: "false"
  })
  readonly #empty = el("p", { class: "empty" }, "Nothing yet.")
  readonly element = el(
    "div",
    { class: "log-panel", hidden: true },
    el("div", { class: "tools" }, this.#filter),
    this.#lines,
    this.#empty
  )
  #events: Array<Event> = []
  #began = 0
  #drawn = 0
  #shown = 0
  #term = ""
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    this.#filter.addEventListener("input", () => {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => {
        this.#term = this.#filter.value.trim().toLowerCase()
        this.#lines.replaceChildren()
        this.#drawn = 0
        this.#shown = 0
        this.draw()
      }, 100)
    })
  }

  add(events: ReadonlyArray<Event>): void {
    if (this.#events.length === 0) this.#began = events[0]?.time ?? 0
    for (const event of events) this.#events.push(event)
  }

  /** Draws the lines that have come since, if somebody looks at the log. */
  draw(): void {
    if (this.element.hidden) return
    const lines = this.#lines
    const isAtEnd = lines.scrollTop + lines.clientHeight > lines.scrollHeight - 30
    for (; this.#drawn < this.#events.length; this.#drawn++) {
      const event = this.#events[this.#drawn]
      const line = event === undefined ? undefined : eventLine(event)
      if (event === undefined || line === undefined || event._tag === "StepProgress") continue
      const name = `${line.subject === "" ? "" : `${line.subject} `}${line.action}`
      const text = detailText(line)
      if (this.#term !== "" && !`${name} ${text}`.toLowerCase().includes(this.#term)) continue
      const last = lines.lastElementChild
      const part =
        last !== null && last.childElementCount < linesPerBlock ? last : lines.appendChild(el("div", { class: "part" }))
      const at = `${((event.time - this.#began) / 1000).toFixed(2)}`
      const isError = event._tag === "StepOutput" && event.stream === "stderr"
      part.append(
        el(
          "p",
          { class: `${line.mark}${isError ? " stderr" : ""}`, "data-at": at },
          el("b", {}, `${signs[line.mark]} ${name}`.trim()),
          ` ${text}`
        )
      )
      this.#shown++
    }
    this.#empty.hidden = this.#shown > 0
    this.#empty.textContent = this.#term === "" ? "Nothing yet." : "No matches."
    lines.hidden = this.#shown === 0
    if (isAtEnd) lines.scrollTop = lines.scrollHeight
  }
}
