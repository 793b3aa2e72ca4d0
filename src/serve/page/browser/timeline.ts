import type { Event } from "../../../core/Event.ts"
import { groupByMachine, type SectionRow } from "../../../record/groupByMachine.ts"
import {
  linesPerBlock,
  outputOf,
  type PageContext,
  renderAxis,
  renderBody,
  renderFailures,
  renderHead,
  renderLine,
  rowClass
} from "../../../record/pageSections.ts"
import { timeScale } from "../../../record/timeScale.ts"
import { treeBuilder, type TreeNode } from "../../../record/tree.ts"
import { doesWork } from "../../../reporters/eventLine.ts"
import { arrange, el } from "./dom.ts"
import { appendHtml, setHtml } from "./html.ts"

/** A row on the page. Its markup comes from the functions that draw the page of a run, which escape all text. */
class Row {
  readonly element: HTMLDetailsElement
  readonly #head: HTMLElement
  readonly #body: HTMLElement
  readonly #isGroup: boolean
  readonly #began: number
  #node: TreeNode
  #label: string
  #headText = ""
  /** How much of the output is on the page, and what comes before it. */
  #shown = { lines: 0, retries: 0, failures: 0 }
  #hasOpened = false

  /** `onOpen` is called when somebody opens or closes a group. */
  constructor({ label, node }: SectionRow, began: number, isOpen: boolean, onOpen: () => void) {
    this.#node = node
    this.#label = label
    this.#began = began
    this.#isGroup = !doesWork(node)
    this.#head = el("summary", { class: "head" })
    this.#body = el("div", { class: "body", hidden: true })
    this.element = el(
      "details",
      { "data-path": node.path, "data-group": this.#isGroup, open: isOpen },
      this.#head,
      this.#body
    )
    this.element.addEventListener("toggle", () => {
      this.#drawBody()
      if (this.#isGroup) onOpen()
    })
    this.#head.addEventListener("click", (event) => {
      if (!this.#hasBody() && !this.#isGroup) event.preventDefault()
    })
  }

  #hasBody(): boolean {
    return outputOf(this.#node).length > 0 || (!this.#isGroup && this.#node.failures.length > 0)
  }

  update({ label, node }: SectionRow, depth: number, page: PageContext): void {
    this.#node = node
    this.#label = label
    const hasBody = this.#hasBody()
    const text = renderHead(node, label, hasBody ? node.lines.length : 0, page)
    if (text !== this.#headText) {
      this.#headText = text
      setHtml(this.#head, text)
    }
    const name = `${rowClass(node, depth)}${hasBody || this.#isGroup ? "" : " plain"}`
    if (this.element.className !== name) this.element.className = name
    if (!this.#hasOpened && hasBody && node.outcome === "failed" && !this.#isGroup) {
      this.#hasOpened = true
      this.element.open = true
    }
    this.#drawBody()
  }

  /** Draws the output if somebody looks at it: a build can write 100,000 lines. */
  #drawBody(): void {
    const isVisible = this.element.open && this.#hasBody()
    this.#body.hidden = !isVisible
    if (!isVisible) return
    const node = this.#node
    const counts = { lines: node.lines.length, retries: node.retries.length, failures: node.failures.length }
    const { failures, lines, retries } = this.#shown
    if (counts.lines === lines && counts.retries === retries && counts.failures === failures) return
    const log = this.#body.querySelector<HTMLElement>(".log")
    const isAtEnd = log === null || log.scrollTop + log.clientHeight > log.scrollHeight - 30
    if (log === null || counts.retries !== retries || counts.failures !== failures) {
      setHtml(this.#body, renderBody(node, this.#label, { began: this.#began }))
    } else this.#append(log, node.lines.slice(lines))
    this.#shown = counts
    const current = this.#body.querySelector<HTMLElement>(".log")
    if (current !== null && isAtEnd && node.outcome === "open") current.scrollTop = current.scrollHeight
  }

  #append(log: HTMLElement, lines: TreeNode["lines"]): void {
    let rest = lines
    while (rest.length > 0) {
      const last = log.lastElementChild
      const room = last === null ? 0 : linesPerBlock - last.childElementCount
      const part = last !== null && room > 0 ? last : log.appendChild(el("div", { class: "part" }))
      const now = rest.slice(0, room > 0 ? room : linesPerBlock)
      appendHtml(part, now.map((line) => renderLine(line, this.#began)).join(""))
      rest = rest.slice(now.length)
    }
  }
}

/** In a run with more nodes, groups that are done are closed: their rows are made when somebody opens them. */
const manyNodes = 400

/** How many rows of a group are shown at first. Those that are not done are always shown. */
const maxRows = 200

const isDone = ({ outcome }: TreeNode): boolean => outcome === "succeeded" || outcome === "skipped"

/** The shortest time that the axis shows while a run runs, in milliseconds. */
const shortest = 2000

/** The steps of a run as bars over time, while it runs and afterwards. */
export class Timeline {
  readonly element = el("div", { class: "timeline" })
  readonly #axis = el("div", { class: "bar-top" })
  #axisText = ""
  readonly #failures = el("div", {})
  readonly #main = el("div", {})
  readonly #empty = el("p", { class: "empty" }, "No step has started yet.")
  #tree: ReturnType<typeof treeBuilder> | undefined
  #run = ""
  #rows = new Map<string, Row>()
  #sections = new Map<string, HTMLElement>()
  /** The groups of which all rows are shown, and the buttons of the others. */
  readonly #expanded = new Set<string>()
  readonly #buttons = new Map<string, HTMLElement>()
  /** The names of machines that have run commands. */
  #machines = new Set<string>()
  #last = 0
  #length = 0

  readonly #onOpen: () => void

  /** `onOpen` is called when somebody has opened a row, which must be drawn then. */
  constructor(onOpen: () => void) {
    this.#onOpen = onOpen
    this.element.append(this.#failures, this.#axis, this.#main, this.#empty)
    this.element.addEventListener("keydown", (event) => this.#move(event))
  }

  /** Up and down go from row to row. */
  #move(event: KeyboardEvent): void {
    const { activeElement } = document
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    if (!(activeElement instanceof HTMLElement) || activeElement.tagName !== "SUMMARY") return
    event.preventDefault()
    const heads = [...this.element.querySelectorAll<HTMLElement>("summary")].filter(
      (head) => head.offsetParent !== null
    )
    heads[heads.indexOf(activeElement) + (event.key === "ArrowDown" ? 1 : -1)]?.focus()
  }

  add(events: ReadonlyArray<Event>): void {
    for (const event of events) {
      // A run that was cut off goes on as another one, which has all steps. Runs that steps start have a parent.
      if (event._tag === "RunStarted" && event.parent === undefined && event.run !== this.#run) this.#start(event)
      if (event.run !== this.#run) continue
      if (event._tag === "StepOutput") this.#machines.add(event.machine)
      this.#last = event.time
      this.#tree?.add(event)
    }
  }

  #start(event: Extract<Event, { readonly _tag: "RunStarted" }>): void {
    this.#run = event.run
    this.#tree = treeBuilder(
      event.name,
      event.time,
      (key, parent) => parent.endsWith("servers") || (this.#machines.has(key) && !parent.endsWith("services"))
    )
    this.#rows = new Map()
    this.#sections = new Map()
    this.#length = 0
    this.#main.replaceChildren()
    this.#failures.replaceChildren()
  }

  /** Draws what has changed. `now` is where the bars of open steps end, while the run runs. */
  draw(now: number | undefined): void {
    const tree = this.#tree
    this.#empty.hidden = tree !== undefined && tree.nodes.size > 1
    if (tree === undefined) return
    const { root } = tree
    const isRunning = now !== undefined && root.outcome === "open"
    const end = Math.max(isRunning ? now : 0, this.#last, root.began + 1)
    const took = end - root.began
    // While it runs, the axis grows in steps, so that the bars do not move all the time.
    if (!isRunning) this.#length = took
    else if (took > this.#length) this.#length = Math.max(shortest, took * 1.3)
    const scale = timeScale(root.began, this.#length)
    const page: PageContext = { began: root.began, end, scale }
    this.element.style.setProperty("--tick-distance", scale.tickDistance)
    const axis = renderAxis(scale)
    if (this.#axisText !== axis) {
      setHtml(this.#axis, axis)
      this.#axisText = axis
    }
    // A failure outside all steps, such as a layer that cannot be built; that of a step is shown there.
    const hasFailedStep = [...tree.nodes.values()].some((node) => doesWork(node) && node.outcome === "failed")
    const failures = hasFailedStep ? "" : renderFailures(root)
    if (this.#failures.childElementCount === 0 && failures !== "") setHtml(this.#failures, failures)
    arrange(
      this.#main,
      groupByMachine(root).map(({ rows, server }) => {
        const key = server ?? ""
        const section =
          this.#sections.get(key) ?? el("section", {}, el("h2", {}, server ?? "This machine"), el("div", {}))
        this.#sections.set(key, section)
        const list = section.lastElementChild
        if (list !== null) arrange(list, this.#elements(`section ${key}`, rows, 0, page))
        return section
      })
    )
  }

  #make(row: SectionRow, page: PageContext): Row {
    const isSmall = (this.#tree?.nodes.size ?? 0) <= manyNodes
    const isOpen = !doesWork(row.node) && (isSmall || row.node.kind !== "item" || !isDone(row.node))
    return new Row(row, page.began, isOpen, this.#onOpen)
  }

  /** The rows of a group that are shown, and a button for the others. */
  #elements(group: string, all: ReadonlyArray<SectionRow>, depth: number, page: PageContext): ReadonlyArray<Element> {
    if (all.length <= maxRows || this.#expanded.has(group)) return this.#rowElements(all, depth, page)
    const rows = all.filter(({ node }, index) => index < maxRows || !isDone(node))
    const hidden = all.length - rows.length
    const more = this.#buttons.get(group) ?? el("button", { type: "button", class: "quiet" })
    if (!this.#buttons.has(group)) {
      this.#buttons.set(group, more)
      more.addEventListener("click", () => {
        this.#expanded.add(group)
        this.#onOpen()
      })
    }
    more.textContent = `Show ${hidden} more`
    return [...this.#rowElements(rows, depth, page), ...(hidden > 0 ? [more] : [])]
  }

  /** The elements of rows, in order. The rows below a step are beside it, so that they stay visible when it is closed. */
  #rowElements(rows: ReadonlyArray<SectionRow>, depth: number, page: PageContext): ReadonlyArray<Element> {
    return rows.flatMap((each) => {
      const { path } = each.node
      const row = this.#rows.get(path) ?? this.#make(each, page)
      this.#rows.set(path, row)
      row.update(each, depth, page)
      if (!doesWork(each.node) && !row.element.open) return [row.element]
      const inner = this.#elements(path, each.rows, depth + 1, page)
      if (doesWork(each.node)) return [row.element, ...inner]
      const [head, body] = row.element.children
      arrange(
        row.element,
        [head, body, ...inner].filter((element) => element !== undefined)
      )
      return [row.element]
    })
  }
}
