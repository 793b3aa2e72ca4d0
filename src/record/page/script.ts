// Runs in the browser, in the page of a run. Adds the search, the buttons that expand or collapse all steps, and the
// keyboard shortcuts. The page shows everything without it.
{
  const find = <E extends HTMLElement>(selector: string, type: new () => E): E => {
    const found = document.querySelector(selector)
    if (!(found instanceof type)) throw new Error(`the page has no ${selector}`)
    return found
  }
  const search = find("#search", HTMLInputElement)
  const found = find("#found", HTMLOutputElement)
  const nothing = find(".nothing", HTMLElement)
  find(".tools", HTMLElement).hidden = false

  interface Row {
    readonly element: HTMLElement
    /** The label and the path, in lower case. */
    readonly name: string
    readonly lines: ReadonlyArray<HTMLElement>
    readonly isGroup: boolean
    /** The rows and the section that contain this row. */
    readonly parents: ReadonlyArray<HTMLElement>
  }

  const elements = (selector: string, within: ParentNode = document): ReadonlyArray<HTMLElement> => [
    ...within.querySelectorAll<HTMLElement>(selector)
  ]

  const rows: ReadonlyArray<Row> = elements(".row").map((element) => {
    const parents: Array<HTMLElement> = []
    for (let at = element.parentElement; at !== null && at.tagName !== "MAIN"; at = at.parentElement) {
      if (at.matches(".row, section")) parents.push(at)
    }
    return {
      element,
      name: `${element.querySelector(".name")?.textContent ?? ""} ${element.dataset["path"] ?? ""}`.toLowerCase(),
      lines: elements(":scope > .body p", element),
      isGroup: element.hasAttribute("data-group"),
      parents
    }
  })

  /** The text of every line, in lower case. Filled on the first search. */
  let lineTexts: Map<HTMLElement, string> | undefined
  const textOf = (line: HTMLElement): string => {
    lineTexts ??= new Map(rows.flatMap(({ lines }) => lines).map((one) => [one, (one.textContent ?? "").toLowerCase()]))
    return lineTexts.get(line) ?? ""
  }

  const setOpen = (element: HTMLElement, open: boolean) => {
    if (element instanceof HTMLDetailsElement) element.open = open
  }

  /** Which rows were open before the search started. */
  let openBefore: ReadonlyMap<HTMLElement, boolean> | undefined

  const highlight = (lines: ReadonlyArray<HTMLElement>, term: string) => {
    // Older browsers cannot highlight. The search still works.
    if (!("highlights" in CSS)) return
    CSS.highlights.delete("found")
    const ranges: Array<Range> = []
    for (const line of lines.slice(0, 2000)) {
      const text = line.firstChild
      if (!(text instanceof Text)) continue
      const lower = text.data.toLowerCase()
      // Lower case can be longer than the original, which would shift the positions.
      if (lower.length !== text.data.length) continue
      for (let at = lower.indexOf(term); at >= 0; at = lower.indexOf(term, at + term.length)) {
        const range = new Range()
        range.setStart(text, at)
        range.setEnd(text, at + term.length)
        ranges.push(range)
      }
    }
    if (ranges.length > 0) CSS.highlights.set("found", new Highlight(...ranges))
  }

  const clear = () => {
    for (const { element, lines } of rows) {
      element.hidden = false
      for (const line of lines) line.hidden = false
      const wasOpen = openBefore?.get(element)
      if (wasOpen !== undefined) setOpen(element, wasOpen)
    }
    for (const section of elements("section")) section.hidden = false
    openBefore = undefined
    found.textContent = ""
    nothing.hidden = true
    highlight([], "")
  }

  const filter = (term: string) => {
    openBefore ??= new Map(
      rows.flatMap(({ element }) => (element instanceof HTMLDetailsElement ? [[element, element.open] as const] : []))
    )
    const shown = new Set<HTMLElement>()
    const hits: Array<HTMLElement> = []
    let steps = 0
    for (const { element, isGroup, lines, name, parents } of rows) {
      const matching = lines.filter((line) => textOf(line).includes(term))
      const isNamed = name.includes(term)
      if (matching.length === 0 && !isNamed) continue
      if (!isGroup || matching.length > 0) steps += 1
      hits.push(...matching)
      const visible = new Set(matching)
      // If only the step's name matches, all of its lines stay available.
      for (const line of lines) line.hidden = matching.length > 0 && !visible.has(line)
      if (matching.length > 0) setOpen(element, true)
      for (const one of [element, ...parents]) shown.add(one)
    }
    for (const { element, isGroup } of rows) {
      element.hidden = !shown.has(element)
      if (isGroup && shown.has(element)) setOpen(element, true)
    }
    for (const section of elements("section")) section.hidden = !shown.has(section)
    const count = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`
    found.textContent = `${count(hits.length, "line")} in ${count(steps, "step")}`
    nothing.hidden = shown.size > 0
    highlight(hits, term)
  }

  const update = () => {
    const term = search.value.trim().toLowerCase()
    if (term === "") clear()
    else filter(term)
  }
  let timer = 0
  search.addEventListener("input", () => {
    clearTimeout(timer)
    timer = setTimeout(update, 100)
  })

  const setAllOpen = (open: boolean) => {
    for (const { element, isGroup } of rows) if (!isGroup || open) setOpen(element, open)
  }
  find("#open", HTMLButtonElement).addEventListener("click", () => setAllOpen(true))
  find("#close", HTMLButtonElement).addEventListener("click", () => setAllOpen(false))

  /** The visible rows that can be opened, in order. */
  const visibleHeads = () => elements("summary").filter((head) => head.offsetParent !== null)

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { activeElement } = document
    if (event.key === "/" && activeElement !== search) {
      event.preventDefault()
      search.focus()
      search.select()
    } else if (event.key === "Escape" && activeElement === search) {
      search.value = ""
      update()
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && activeElement instanceof HTMLElement) {
      if (activeElement.tagName !== "SUMMARY") return
      event.preventDefault()
      const heads = visibleHeads()
      heads[heads.indexOf(activeElement) + (event.key === "ArrowDown" ? 1 : -1)]?.focus()
    }
  })
}
