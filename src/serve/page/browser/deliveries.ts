import { hasPath, send } from "./api.ts"
import { el } from "./dom.ts"
import { allows, type View } from "./state.ts"
import { ago } from "./times.ts"
import { link } from "./dom.ts"

/** What somebody else has sent to start runs. */
interface Delivery {
  readonly id: string | number
  readonly [key: string]: unknown
}

const load = async (): Promise<ReadonlyArray<Delivery>> => (await send("api/deliveries")).json()

/** Whether this server has deliveries. */
export const hasDeliveries = (): Promise<boolean> => hasPath("/api/deliveries")

const textOf = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "")

/** What has come in to start runs, and what became of it. */
export const deliveries = (view: View): HTMLElement => {
  const list = el("ul", { class: "runs" })
  const empty = el("p", { class: "empty", hidden: true }, "Nothing has come in yet.")
  const refresh = async () => {
    const all = await load()
    empty.hidden = all.length > 0
    list.replaceChildren(...all.map((each) => row(each)))
  }
  const row = (delivery: Delivery): HTMLElement => {
    const { created, project, reason, received, run, source, status, trigger } = delivery
    const time = typeof received === "number" ? received : created
    const again = el("button", { type: "button", class: "quiet" }, "Send again")
    again.addEventListener("click", () => {
      again.disabled = true
      send(`api/deliveries/${encodeURIComponent(delivery.id)}/again`, { method: "POST" })
        .then(refresh)
        .catch((error: Error) => view.notify(error.message, "error"))
        .finally(() => (again.disabled = false))
    })
    return el(
      "li",
      { class: "run" },
      el("span", { class: "pill" }, textOf(status)),
      el(
        "span",
        { class: "title" },
        [source, trigger]
          .map(textOf)
          .filter((text) => text !== "")
          .join(" ") || String(delivery.id)
      ),
      el(
        "span",
        { class: "meta" },
        el("span", {}, textOf(project)),
        typeof run === "number" && link(["runs", run], {}, `run #${run}`),
        el("span", {}, textOf(reason))
      ),
      el("span", { class: "when" }, typeof time === "number" && ago(time), allows(view.session, "run") && again)
    )
  }
  refresh().catch((error: Error) => view.notify(error.message, "error"))
  return el("main", {}, el("h1", {}, "Deliveries"), list, empty)
}
