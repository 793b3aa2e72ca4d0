import { inputWords } from "../../inputWords.ts"
import { getPipelines, startRun } from "./api.ts"
import { commands, commandWords } from "./commands.ts"
import { confirmed, el, link, addressOf } from "./dom.ts"
import { type Entry, type Field, fieldsOf, inputOf } from "./fields.ts"
import type { View } from "./state.ts"
import { joinShell, splitWords } from "./words.ts"

interface Control {
  readonly element: HTMLElement
  readonly read: () => Entry
}

let lastId = 0

const labelled = (label: string, control: HTMLElement, hint: string, isRequired = false): HTMLElement => {
  const id = `field-${++lastId}`
  control.id = id
  if (hint !== "") control.setAttribute("aria-describedby", `${id}-hint`)
  return el(
    "div",
    { class: "field" },
    el("label", { for: id }, label, isRequired && el("span", { class: "required" }, " (required)")),
    control,
    hint !== "" && el("p", { class: "hint", id: `${id}-hint` }, hint)
  )
}

const select = (options: ReadonlyArray<readonly [value: string, text: string]>, initial: string) => {
  const control = el("select", {}, ...options.map(([value, text]) => el("option", { value }, text)))
  control.value = initial
  return control
}

/** What of a form a field of a pipeline needs. */
const controlFor = ({ choices, description, initial, isRequired, kind, max, min, name }: Field): Control => {
  const text = typeof initial === "string" ? initial : ""
  if (kind === "boolean" && (isRequired || initial !== undefined)) {
    const box = el("input", { type: "checkbox", checked: initial === true })
    const element = el(
      "div",
      { class: "field" },
      el("label", { class: "check" }, box, el("span", {}, name)),
      description !== "" && el("p", { class: "hint" }, description)
    )
    return { element, read: () => box.checked }
  }
  const control =
    kind === "boolean"
      ? select(
          [
            ["", "default"],
            ["true", "yes"],
            ["false", "no"]
          ],
          ""
        )
      : kind === "choice"
        ? select(
            [
              ...(isRequired ? [] : [["", "default"] as const]),
              ...choices.map((each) => [String(each), String(each)] as const)
            ],
            text === "" && isRequired ? String(choices[0]) : text
          )
        : kind === "number" || kind === "integer"
          ? el("input", {
              type: "number",
              step: kind === "integer" ? 1 : "any",
              min,
              max,
              value: text,
              required: isRequired,
              inputmode: kind === "integer" ? "numeric" : "decimal"
            })
          : kind === "list" || kind === "json"
            ? el("textarea", { rows: 3, required: isRequired, spellcheck: "false" }, text)
            : el("input", {
                type: "text",
                value: text,
                autocomplete: "off",
                spellcheck: "false",
                autocapitalize: "off"
              })
  const form = kind === "list" ? "one per line" : kind === "json" ? "as JSON" : ""
  const hint = [description, form, isRequired ? "" : "optional"].filter((part) => part !== "").join(" · ")
  return { element: labelled(name, control, hint, isRequired), read: () => control.value }
}

const wordsInput = (placeholder: string) =>
  el("input", {
    type: "text",
    class: "code",
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off"
  })

/** A form that starts a run. `request` makes what to send of its entries, or throws what is wrong with them. */
const startForm = (
  view: View,
  fields: ReadonlyArray<HTMLElement>,
  request: () => Readonly<Record<string, unknown>>,
  options: { readonly preview: () => string; readonly warning?: string | undefined; readonly name: string }
): HTMLElement => {
  const error = el("div", { class: "failure", role: "alert", hidden: true })
  const preview = el("code", {})
  const button = el("button", { type: "submit", class: "primary" }, "Start")
  // A second click, or an answer that was lost, must not start a second run.
  let once = crypto.getRandomValues(new Uint32Array(4)).join("-")
  const show = () => {
    try {
      preview.textContent = options.preview()
    } catch {
      // The entries are not complete yet.
    }
  }
  const submit = async () => {
    error.hidden = true
    try {
      const body = request()
      if (options.warning !== undefined && !(await confirmed(`Start ${options.name}?`, options.warning, "Start")))
        return
      button.disabled = true
      const run = await startRun({ ...body, once })
      view.runs.add([run])
      location.hash = addressOf(["runs", run.id])
    } catch (problem) {
      error.replaceChildren(el("p", {}, problem instanceof Error ? problem.message : String(problem)))
      error.hidden = false
      once = crypto.getRandomValues(new Uint32Array(4)).join("-")
    }
    button.disabled = false
  }
  const form = el(
    "form",
    {
      class: "start",
      oninput: show,
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      }
    },
    ...fields,
    el("p", { class: "preview" }, "jiji ", preview),
    error,
    el("div", { class: "actions" }, button)
  )
  show()
  return form
}

const frame = (project: string, title: string, description: string, content: HTMLElement): HTMLElement =>
  el(
    "main",
    { class: "narrow" },
    el(
      "header",
      {},
      el("p", { class: "crumb" }, link(["projects", project], {}, project)),
      el("h1", {}, title),
      description !== "" && el("p", { class: "lead" }, description)
    ),
    content
  )

/** The form that starts a command. */
export const startCommand = (view: View, project: string, name: string): HTMLElement => {
  const command = commands.find((each) => each.name === name)
  if (command === undefined)
    return frame(project, name, "", el("p", { class: "empty" }, "The page does not offer this command."))
  const inputs = command.fields.map(({ choices }) =>
    choices === undefined
      ? wordsInput("")
      : select(
          choices.map((each) => [each, each]),
          choices[0] ?? ""
        )
  )
  const more = wordsInput("--hosts web1")
  const words = () =>
    commandWords(
      command,
      inputs.map(({ value }) => value),
      splitWords(more.value)
    )
  const fields = [
    ...command.fields.map(({ hint, label }, index) => labelled(label, inputs[index] ?? more, hint)),
    labelled("More flags", more, "as on the command line")
  ]
  const form = startForm(view, fields, () => ({ project, command: words() }), {
    preview: () => joinShell(words()),
    warning: command.warning,
    name
  })
  return frame(project, name, command.description, form)
}

/** The form that starts a pipeline, made from what the pipeline takes. */
export const startPipeline = (view: View, project: string, name: string): HTMLElement => {
  const content = el("div", {}, el("p", { class: "empty" }, "Loading the pipeline…"))
  const lead = el("p", { class: "lead" })
  getPipelines(project).then(
    (all) => {
      const pipeline = all.find((each) => each.name === name)
      if (pipeline === undefined || pipeline.problem !== undefined) {
        content.replaceChildren(
          el(
            "div",
            { class: "failure" },
            el("p", {}, pipeline?.problem ?? `There is no pipeline ${name} in ${project}.`)
          )
        )
        return
      }
      lead.textContent = pipeline.description
      const fields = fieldsOf(pipeline.input)
      const controls = fields.map((field) => [field.name, controlFor(field)] as const)
      const flags = wordsInput("--environment staging")
      const input = () => inputOf(fields, Object.fromEntries(controls.map(([key, { read }]) => [key, read()])))
      const request = () => {
        const more = splitWords(flags.value)
        return { project, pipeline: name, input: input(), ...(more.length > 0 && { flags: more }) }
      }
      const preview = () => joinShell(["run", name, ...inputWords(input()), ...splitWords(flags.value)])
      const form = startForm(
        view,
        [...controls.map(([, { element }]) => element), labelled("More flags", flags, "of jiji run")],
        request,
        { preview, name }
      )
      content.replaceChildren(form)
      form.querySelector<HTMLElement>("input,select,textarea")?.focus()
    },
    (error: Error) => content.replaceChildren(el("div", { class: "failure" }, el("p", {}, error.message)))
  )
  const view_ = frame(project, name, "", content)
  view_.querySelector("header")?.append(lead)
  return view_
}
