type Child = Node | string | false | undefined
type Attribute = string | number | boolean | undefined | ((event: Event) => void)

/**
 * Makes an element. Text becomes text, never markup. A function is called when the event happens that its attribute names,
 * such as `onclick`. `false` and `undefined` leave out an attribute or a child.
 */
export const el = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: ReadonlyArray<Child>
): HTMLElementTagNameMap[Name] => {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    if (typeof value === "function") element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? "" : String(value))
  }
  element.append(...children.filter((child): child is Node | string => child !== undefined && child !== false))
  return element
}

/** A link to a view of the page. */
export const link = (
  path: ReadonlyArray<string | number>,
  attributes: Readonly<Record<string, Attribute>>,
  ...children: ReadonlyArray<Child>
) => el("a", { ...attributes, href: addressOf(path) }, ...children)

/** The address of a view, as a fragment: it works wherever a proxy puts the page. */
export const addressOf = (path: ReadonlyArray<string | number>): string =>
  `#/${path.map((part) => encodeURIComponent(part)).join("/")}`

/** Puts elements into a container in this order, and moves only those that are not in their place. */
export const arrange = (container: Element, elements: ReadonlyArray<Element>): void => {
  let next = container.firstElementChild
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling
    else container.insertBefore(element, next)
  }
  while (next !== null) {
    const after = next.nextElementSibling
    next.remove()
    next = after
  }
}

/** Keeps an element for each item, and makes a new one only when its item has changed. */
export const keyedList = <Item>(
  container: HTMLElement,
  keyOf: (item: Item) => string | number,
  draw: (item: Item) => HTMLElement
) => {
  let shown = new Map<string | number, { readonly text: string; readonly element: HTMLElement }>()
  return (items: ReadonlyArray<Item>): void => {
    const focused = [...shown].find(([, { element }]) => element.contains(document.activeElement))?.[0]
    const before = shown
    shown = new Map(
      items.map((item) => {
        const key = keyOf(item)
        const text = JSON.stringify(item)
        const old = before.get(key)
        return [key, old?.text === text ? old : { text, element: draw(item) }]
      })
    )
    arrange(
      container,
      [...shown.values()].map(({ element }) => element)
    )
    // Whoever moves through the list with the keyboard must not lose the place.
    const again = focused === undefined ? undefined : shown.get(focused)?.element
    if (again !== undefined && !again.contains(document.activeElement))
      again.querySelector<HTMLElement>("a,button")?.focus()
  }
}

/** Calls a function when a view is left. */
export const onLeave = (signal: AbortSignal, leave: () => void): void =>
  signal.addEventListener("abort", leave, { once: true })

/** Asks before something is done that cannot be taken back. */
export const confirmed = (title: string, text: string, action: string): Promise<boolean> =>
  new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { "aria-labelledby": "dialog-title" },
      el("h2", { id: "dialog-title" }, title),
      el("p", {}, text),
      el(
        "div",
        { class: "actions" },
        el("button", { type: "button", onclick: () => dialog.close() }, "Back"),
        el("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action)
      )
    )
    dialog.addEventListener("close", () => {
      dialog.remove()
      resolve(dialog.returnValue === "yes")
    })
    document.body.append(dialog)
    dialog.showModal()
  })
