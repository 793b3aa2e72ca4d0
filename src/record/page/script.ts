// Runs in the browser, in the page of a run: searching, opening all at once, and moving with the arrow keys. What the page
// shows is there without it.
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
    /** What it is called, in small letters. */
    readonly name: string
    readonly lines: ReadonlyArray<HTMLElement>
    readonly isGroup: boolean
    /** Where in the page what is within it ends. */
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

  /** Every line's words, in small letters; made when they are first searched. */
  let words: Map<HTMLElement, string> | undefined
  const wordsOf = (line: HTMLElement): string => {
    words ??= new Map(rows.flatMap(({ lines }) => lines).map((one) => [one, (one.textContent ?? "").toLowerCase()]))
    return words.get(line) ?? ""
  }

  const setOpen = (element: HTMLElement, open: boolean) => {
    if (element instanceof HTMLDetailsElement) element.open = open
  }

  /** Which rows were open before the search began. */
  let before: ReadonlyMap<HTMLElement, boolean> | undefined

  const mark = (lines: ReadonlyArray<HTMLElement>, term: string) => {
    // Older browsers only do not mark what was found.
    if (!("highlights" in CSS)) return
    CSS.highlights.delete("found")
    const ranges: Array<Range> = []
    for (const line of lines.slice(0, 2000)) {
      const text = line.firstChild
      if (!(text instanceof Text)) continue
      const all = text.data.toLowerCase()
      // Some letters are two in small: the places would be others.
      if (all.length !== text.data.length) continue
      for (let at = all.indexOf(term); at >= 0; at = all.indexOf(term, at + term.length)) {
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
      const was = before?.get(element)
      if (was !== undefined) setOpen(element, was)
    }
    for (const section of elements("section")) section.hidden = false
    before = undefined
    found.textContent = ""
    nothing.hidden = true
    mark([], "")
  }

  const show = (term: string) => {
    before ??= new Map(
      rows.flatMap(({ element }) => (element instanceof HTMLDetailsElement ? [[element, element.open] as const] : []))
    )
    const shown = new Set<HTMLElement>()
    const hits: Array<HTMLElement> = []
    let steps = 0
    for (const { element, isGroup, lines, name, parents } of rows) {
      const matching = lines.filter((line) => wordsOf(line).includes(term))
      const isNamed = name.includes(term)
      if (matching.length === 0 && !isNamed) continue
      if (!isGroup || matching.length > 0) steps += 1
      hits.push(...matching)
      const wanted = new Set(matching)
      // Of a step that was found by its name, all lines are there to be opened.
      for (const line of lines) line.hidden = matching.length > 0 && !wanted.has(line)
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
    mark(hits, term)
  }

  const update = () => {
    const term = search.value.trim().toLowerCase()
    if (term === "") clear()
    else show(term)
  }
  let waiting = 0
  search.addEventListener("input", () => {
    clearTimeout(waiting)
    waiting = setTimeout(update, 100)
  })

  const all = (open: boolean) => {
    for (const { element, isGroup } of rows) if (!isGroup || open) setOpen(element, open)
  }
  find("#open", HTMLButtonElement).addEventListener("click", () => all(true))
  find("#close", HTMLButtonElement).addEventListener("click", () => all(false))

  /** The rows' heads that can be seen and opened, in order. */
  const heads = () => elements("summary").filter((head) => head.offsetParent !== null)

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
      const visible = heads()
      visible[visible.indexOf(activeElement) + (event.key === "ArrowDown" ? 1 : -1)]?.focus()
    }
  })
}
