import { doesWork } from "../reporters/eventLine.ts"
import { escapeHtml, escapeHtmlLines } from "./html.ts"
import type { MachineSection, SectionRow } from "./groupByMachine.ts"
import type { TimeScale } from "./timeScale.ts"
import { type LogLine, noteOf, type TreeNode } from "./tree.ts"
import { plural } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** What all rows of a page share. */
export interface PageContext {
  /** When the run started, in epoch milliseconds. */
  readonly began: number
  /** Where the bars of unfinished nodes end, in epoch milliseconds. */
  readonly end: number
  readonly scale: TimeScale
}

/** How many lines a browser lays out at once. It skips blocks that are off-screen (`content-visibility`). */
export const linesPerBlock = 200

const signs: Readonly<Record<TreeNode["outcome"], readonly [sign: string, word: string]>> = {
  open: ["…", "unfinished"],
  succeeded: ["✓", "done"],
  skipped: ["–", "skipped"],
  failed: ["✗", "failed"],
  interrupted: ["!", "interrupted"]
}

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)}`

const renderBar = (node: TreeNode, { began, end, scale }: PageContext): string => {
  const ended = node.ended ?? end
  const title = `${seconds(node.began - began)} s to ${seconds(ended - began)} s`
  const bar = `<rect class="bar" x="${scale.at(node.began)}" width="${scale.width(node.began, ended)}" ${doesWork(node) ? 'y="25%" height="50%"' : 'y="41%" height="18%"'} rx="2"/>`
  const retries = node.retries.map(({ time }) => {
    const at = scale.at(time)
    return `<line class="retry" x1="${at}" x2="${at}" y1="10%" y2="90%"/>`
  })
  return `<svg class="lane" aria-hidden="true"><title>${title}</title>${bar}${retries.join("")}</svg>`
}

/** The line of a node: its label, note and bar. `lines` counts the lines of output in its body. */
export const renderHead = (node: TreeNode, label: string, lines: number, page: PageContext): string => {
  const [sign, word] = signs[node.outcome]
  const duration = node.outcome === "skipped" ? "" : formatDuration((node.ended ?? page.end) - node.began)
  const note = noteOf(node)
  const count = lines === 0 ? "" : `<span class="count">${plural(lines, "line")}</span>`
  return [
    `<span class="name"><span class="sign" role="img" aria-label="${word}">${sign}</span><span class="label">${escapeHtml(label)}</span>`,
    note === "" ? "" : `<span class="note">${escapeHtml(note)}</span>`,
    `${count}</span>${renderBar(node, page)}<span class="took">${duration}</span>`
  ].join("")
}

export const renderLine = ({ kind, machine, text, time }: LogLine, began: number): string => {
  const source = machine === undefined || machine === "local" ? "" : ` data-on="${escapeHtml(machine)}"`
  return `<p class="${kind}" data-at="${seconds(time - began)}"${source}>${escapeHtml(text)}</p>`
}

/** The failures and their remedies. */
export const renderFailures = ({ failures }: Pick<TreeNode, "failures">): string =>
  failures
    .map(
      ({ message, remedy }) =>
        `<div class="failure"><p>${escapeHtmlLines(message)}</p><p class="remedy">→ ${escapeHtmlLines(remedy)}</p></div>`
    )
    .join("")

/** The output of a node. Empty if its row itself shows all: a single message. */
export const outputOf = (node: TreeNode): ReadonlyArray<LogLine> => {
  if (node.retries.length === 0) return node.lines.length === 1 && node.lines[0]?.kind === "info" ? [] : node.lines
  const retries = node.retries.map(({ text, time }): LogLine => ({ time, kind: "warning", text }))
  return [...node.lines, ...retries].sort((a, b) => a.time - b.time)
}

/** The details below a row: why the node failed, and its output. */
export const renderBody = (node: TreeNode, label: string, { began }: Pick<PageContext, "began">): string => {
  const lines = outputOf(node)
  const blocks = Array.from({ length: Math.ceil(lines.length / linesPerBlock) }, (_, index) =>
    lines.slice(index * linesPerBlock, (index + 1) * linesPerBlock)
  )
  const failures = doesWork(node) ? renderFailures(node) : ""
  if (lines.length === 0) return failures
  const html = blocks.map(
    (block) => `<div class="part">${block.map((line) => renderLine(line, began)).join("\n")}</div>`
  )
  return `${failures}<div class="log" role="region" tabindex="0" aria-label="Output of ${escapeHtml(label)}">${html.join("\n")}</div>`
}

/** The classes of a row. */
export const rowClass = (node: TreeNode, depth: number): string => `row ${node.outcome} d${Math.min(depth, 8)}`

/** The labels of the time axis. */
export const renderAxis = ({ ticks }: TimeScale): string =>
  `<div class="axis"><svg class="lane" aria-hidden="true">${ticks.map(({ at, label }) => `<text x="${at}" y="70%">${label}</text>`).join("")}</svg></div>`

const renderRow = ({ label, node, rows }: SectionRow, depth: number, page: PageContext): string => {
  const inner = rows.map((one) => renderRow(one, depth + 1, page)).join("")
  const inside = renderBody(node, label, page)
  const attributes = `class="${rowClass(node, depth)}" data-path="${escapeHtml(node.path)}"`
  const head = renderHead(node, label, inside.includes('class="log"') ? node.lines.length : 0, page)
  // A step collapses its output. Its undo is a sibling, so that it stays visible.
  if (doesWork(node)) {
    if (inside === "") return `<div ${attributes}><div class="head">${head}</div></div>${inner}`
    const open = node.outcome === "failed" ? " open" : ""
    return `<details ${attributes}${open}><summary class="head">${head}</summary><div class="body">${inside}</div></details>${inner}`
  }
  const output = inside === "" ? "" : `<div class="body">${inside}</div>`
  return `<details ${attributes} open data-group><summary class="head">${head}</summary>${output}${inner}</details>`
}

/** Renders one machine's section of the page. */
export const renderSection = ({ rows, server }: MachineSection, page: PageContext): string =>
  `<section><h2>${server === undefined ? "This machine" : escapeHtml(server)}</h2>${rows.map((one) => renderRow(one, 0, page)).join("\n")}</section>`
