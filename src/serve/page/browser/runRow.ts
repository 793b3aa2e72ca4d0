import { el, link } from "./dom.ts"
import type { Run } from "./state.ts"
import { ago, took } from "./times.ts"
import { joinShell } from "./words.ts"

const labels: Readonly<Record<Run["status"], string>> = {
  queued: "queued",
  running: "running",
  waiting: "waiting",
  succeeded: "done",
  failed: "failed",
  interrupted: "interrupted",
  cancelled: "cancelled"
}

/** How a run stands, in a word. A newer server may have more words. */
export const statusText = ({ status }: Pick<Run, "status">): string => labels[status] ?? status

/** The same with a colour. */
export const statusPill = (run: Pick<Run, "status">): HTMLElement =>
  el("span", { class: `pill ${run.status}` }, statusText(run))

/** What a run does, as one would type it. */
export const titleOf = ({ command }: Pick<Run, "command">): string => joinShell(command)

/** What a run waits for, where the API does not say why it waits. */
const waitText = (run: Run): string => {
  const signals = (run.waits ?? []).flatMap(({ signal }) => (signal === undefined ? [] : [signal]))
  if (signals.length > 0) return `waits for ${signals.join(", ")}`
  return run.waits?.some(({ retry }) => retry !== undefined) === true ? "waits for its next attempt" : "waits"
}

/** A run in a list. `why` says why it does not run. */
export const runRow = (run: Run & { readonly why?: string | undefined }): HTMLElement =>
  el(
    "li",
    { class: "run" },
    statusPill(run),
    link(["runs", run.id], { class: "title", title: titleOf(run) }, titleOf(run)),
    el(
      "span",
      { class: "meta" },
      el("span", { class: "id" }, `#${run.id}`),
      link(["projects", run.project], { class: "project" }, run.project),
      el("span", {}, `by ${run.by}`),
      (run.why !== undefined || run.waits !== undefined) && el("span", { class: "waits" }, run.why ?? waitText(run))
    ),
    el(
      "span",
      { class: "when" },
      run.started !== undefined && took(run.started, run.ended),
      ago(run.ended ?? run.started ?? run.created)
    )
  )
