import { send } from "./api.ts"
import { el, keyedList, link, onLeave } from "./dom.ts"
import { allows, type View } from "./state.ts"
import { ago } from "./times.ts"

/** What somebody has sent to start a run, as the API shows it. */
interface Delivery {
  readonly id: number
  readonly project: string
  readonly trigger: string
  readonly source: string
  /** Epoch milliseconds. */
  readonly received: number
  readonly verdict: string
  readonly reason?: string
  readonly run?: number
  readonly againOf?: number
}

/** How often the list is read again, in milliseconds. */
const readEvery = 3000

/** What has arrived to start runs, and what became of it. */
export const deliveries = (view: View): HTMLElement => {
  const list = el("ul", { class: "runs" })
  const empty = el("p", { class: "empty", hidden: true }, "Nothing has arrived yet.")
  const fail = (error: Error) => view.notify(error.message, "error")
  const refresh = async () => {
    const all: ReadonlyArray<Delivery> = await (await send("api/deliveries")).json()
    empty.hidden = all.length > 0
    draw(all)
  }
  const again = ({ id }: Delivery): HTMLElement => {
    const button = el("button", { type: "button", class: "quiet" }, "Deliver again")
    button.addEventListener("click", () => {
      button.disabled = true
      send(`api/deliveries/${id}/again`, { method: "POST" })
        .then(refresh)
        .then(() => view.notify(`Delivered ${id} again.`))
        .catch(fail)
        .finally(() => (button.disabled = false))
    })
    return button
  }
  const draw = keyedList<Delivery>(
    list,
    ({ id }) => id,
    (delivery) => {
      const { againOf, id, project, reason, received, run, source, trigger, verdict } = delivery
      return el(
        "li",
        { class: "run" },
        el("span", { class: `pill verdict-${verdict}` }, verdict),
        el("span", { class: "title" }, `${trigger} (${source})`),
        el(
          "span",
          { class: "meta" },
          el("span", {}, againOf === undefined ? `#${id}` : `#${id}, again for #${againOf}`),
          link(["projects", project], {}, project),
          run !== undefined && link(["runs", run], {}, `run #${run}`),
          reason !== undefined && el("span", {}, reason)
        ),
        // Nobody verified what was refused, so jiji has not kept it.
        el(
          "span",
          { class: "when" },
          ago(received),
          allows(view.session, "run") && verdict !== "refused" && again(delivery)
        )
      )
    }
  )
  refresh().catch(fail)
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") refresh().catch(() => {})
  }, readEvery)
  onLeave(view.signal, () => clearInterval(timer))
  return el("main", {}, el("header", {}, el("h1", {}, "Deliveries")), list, empty)
}
