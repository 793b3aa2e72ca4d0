import { sendSignal } from "./api.ts"
import { el } from "./dom.ts"
import { allows, type Run, type View, type Wait } from "./state.ts"
import { formatDateTime } from "../../../record/times.ts"

/** What a step gets with a signal: JSON, any other text as it is, and `true` if there is none. */
export const signalValue = (text: string): unknown => {
  if (text.trim() === "") return true
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const sentence = ({ path, retry, signal, until }: Wait): string => {
  const time = until === undefined ? "" : formatDateTime(until)
  if (retry !== undefined) return `Starts again at ${time} (retry ${retry}).`
  const what = signal === undefined ? `Waits until ${time}` : `Waits for the signal ${signal}`
  const limit = signal === undefined || time === "" ? "" : `, until ${time} at most`
  return `${what}${limit}${path === undefined ? "" : ` (${path})`}.`
}

/** What a waiting run waits for. Whoever may approve gets a button for each signal. */
export const waitsOf = (view: View, run: Run): ReadonlyArray<HTMLElement> =>
  (run.waits ?? []).map((wait) => {
    const text = el("p", {}, sentence(wait))
    const { signal } = wait
    if (signal === undefined || !allows(view.session, "approve")) return text
    const button = el("button", { type: "submit", class: "primary" }, `Send ${signal}`)
    const value = el("input", {
      type: "text",
      class: "code",
      "aria-label": `Value of ${signal}`,
      placeholder: "value (optional)",
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "off"
    })
    const submit = (event: Event) => {
      event.preventDefault()
      button.disabled = true
      sendSignal(run.id, signal, signalValue(value.value))
        .then((sent) => {
          view.runs.add([sent])
          view.notify(`Sent ${signal} to run ${run.id}.`)
        })
        .catch((error: Error) => view.notify(error.message, "error"))
        .finally(() => (button.disabled = false))
    }
    return el("form", { class: "signal", onsubmit: submit }, text, el("div", { class: "actions" }, button, value))
  })
