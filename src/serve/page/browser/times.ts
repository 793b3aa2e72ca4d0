import { formatDateTime } from "../../../record/times.ts"
import { formatAgo } from "../../../record/times.ts"
import { formatDuration } from "../../../core/units.ts"
import { el } from "./dom.ts"

/** How far the clock of this device is ahead of the server's, in milliseconds. */
let ahead = 0

/** Learns the server's time from an answer. Its header has only seconds, so small differences mean nothing. */
export const learnTime = (date: string | null): void => {
  const difference = Date.now() - Date.parse(date ?? "")
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) > 3000 ? difference : 0
}

/** The server's time, in epoch milliseconds. */
export const now = (): number => Date.now() - ahead

/** `5 min ago`, with the exact time for who points at it. `data-ago` keeps it current. */
export const ago = (millis: number): HTMLElement =>
  el(
    "time",
    { datetime: new Date(millis).toISOString(), title: formatDateTime(millis), "data-ago": millis },
    formatAgo(now() - millis)
  )

/** How long something has taken; without an end, up to now. */
export const took = (from: number, to?: number): HTMLElement =>
  el(
    "span",
    { class: "took", ...(to === undefined && { "data-since": from }) },
    formatDuration(roughly(to ?? now(), from, to === undefined))
  )

/** A duration that still grows is shown in whole seconds. */
const roughly = (to: number, from: number, isGrowing: boolean): number =>
  isGrowing ? Math.max(0, Math.floor((to - from) / 1000)) * 1000 : Math.max(0, to - from)

/** Keeps all times on the page current. */
export const keepTimes = (): void => {
  setInterval(() => {
    for (const each of document.querySelectorAll<HTMLElement>("[data-ago]")) {
      const text = formatAgo(now() - Number(each.dataset["ago"]))
      if (each.textContent !== text) each.textContent = text
    }
    for (const each of document.querySelectorAll<HTMLElement>("[data-since]")) {
      const text = formatDuration(roughly(now(), Number(each.dataset["since"]), true))
      if (each.textContent !== text) each.textContent = text
    }
  }, 1000)
}
