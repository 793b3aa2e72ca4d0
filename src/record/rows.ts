import { doesWork } from "../reporters/eventLine.ts"
import { escape, escapeLines } from "./escape.ts"
import type { Machine, Row } from "./machines.ts"
import type { Scale } from "./scale.ts"
import { type Line, said, type TreeNode } from "./tree.ts"
import { plural } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** What the rows of one page have in common. */
export interface Sheet {
  /** Epoch milliseconds. */
  readonly began: number
  /** Until when nodes go that were not heard to end. */
  readonly end: number
  readonly scale: Scale
}

/** Lines that a browser lays out together, or leaves for later. */
const together = 200

const signs: Readonly<Record<TreeNode["outcome"], readonly [sign: string, word: string]>> = {
  open: ["…", "not ended"],
  succeeded: ["✓", "done"],
  skipped: ["–", "skipped"],
  failed: ["✗", "failed"],
  interrupted: ["!", "interrupted"]
}

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)}`

const lane = (node: TreeNode, { began, end, scale }: Sheet): string => {
  const ended = node.ended ?? end
  const title = `${seconds(node.began - began)} s to ${seconds(ended - began)} s`
  const bar = `<rect class="bar" x="${scale.at(node.began)}" width="${scale.width(node.began, ended)}" ${doesWork(node) ? 'y="25%" height="50%"' : 'y="41%" height="18%"'} rx="2"/>`
  const retries = node.retries.map(({ time }) => {
    const at = scale.at(time)
    return `<line class="retry" x1="${at}" x2="${at}" y1="10%" y2="90%"/>`
  })
  return `<svg class="lane" aria-hidden="true"><title>${title}</title>${bar}${retries.join("")}</svg>`
}

const summary = (node: TreeNode, label: string, lines: number, sheet: Sheet): string => {
  const [sign, word] = signs[node.outcome]
  const took = node.outcome === "skipped" ? "" : formatDuration((node.ended ?? sheet.end) - node.began)
  const note = said(node)
  const count = lines === 0 ? "" : `<span class="count">${plural(lines, "line")}</span>`
  return [
    `<span class="name"><span class="sign" role="img" aria-label="${word}">${sign}</span><span class="label">${escape(label)}</span>`,
    note === "" ? "" : `<span class="note">${escape(note)}</span>`,
    `${count}</span>${lane(node, sheet)}<span class="took">${took}</span>`
  ].join("")
}

const lineOf = ({ kind, machine, text, time }: Line, began: number): string => {
  const where = machine === undefined || machine === "local" ? "" : ` data-on="${escape(machine)}"`
  return `<p class="${kind}" data-at="${seconds(time - began)}"${where}>${escape(text)}</p>`
}

/** What failed, each with what to do about it. */
export const failuresOf = ({ failures }: Pick<TreeNode, "failures">): string =>
  failures
    .map(
      ({ message, remedy }) =>
        `<div class="failure"><p>${escapeLines(message)}</p><p class="remedy">→ ${escapeLines(remedy)}</p></div>`
    )
    .join("")

/** What is below a node's row: why it failed, and what was said. */
const body = (node: TreeNode, label: string, { began }: Sheet): string => {
  const retries = node.retries.map(({ text, time }): Line => ({ time, kind: "warning", text }))
  const lines = [...node.lines, ...retries].sort((a, b) => a.time - b.time)
  const parts = Array.from({ length: Math.ceil(lines.length / together) }, (_, index) =>
    lines.slice(index * together, (index + 1) * together)
  )
  const failures = doesWork(node) ? failuresOf(node) : ""
  // A single sentence stands in the row itself.
  if (lines.length === 0 || (lines.length === 1 && lines[0]?.kind === "info")) return failures
  const html = parts.map((part) => `<div class="part">${part.map((line) => lineOf(line, began)).join("\n")}</div>`)
  return `${failures}<div class="log" role="region" tabindex="0" aria-label="What ${escape(label)} said">${html.join("\n")}</div>`
}

const row = ({ label, node, rows }: Row, depth: number, sheet: Sheet): string => {
  const inner = rows.map((one) => row(one, depth + 1, sheet)).join("")
  const inside = body(node, label, sheet)
  const attributes = `class="row ${node.outcome} d${Math.min(depth, 8)}" data-path="${escape(node.path)}"`
  const head = summary(node, label, inside.includes('class="log"') ? node.lines.length : 0, sheet)
  // A step is closed over what it said; its undo stands beside it, to be seen.
  if (doesWork(node)) {
    if (inside === "") return `<div ${attributes}><div class="head">${head}</div></div>${inner}`
    const open = node.outcome === "failed" ? " open" : ""
    return `<details ${attributes}${open}><summary class="head">${head}</summary><div class="body">${inside}</div></details>${inner}`
  }
  const said = inside === "" ? "" : `<div class="body">${inside}</div>`
  return `<details ${attributes} open data-group><summary class="head">${head}</summary>${said}${inner}</details>`
}

/** One machine's part of the page. */
export const section = ({ rows, server }: Machine, sheet: Sheet): string =>
  `<section><h2>${server === undefined ? "This machine" : escape(server)}</h2>${rows.map((one) => row(one, 0, sheet)).join("\n")}</section>`
