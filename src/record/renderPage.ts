import { doesWork } from "../reporters/eventLine.ts"
import { escapeHtml } from "./html.ts"
import { groupByMachine } from "./groupByMachine.ts"
import { outcomeLabels } from "./outcomeLabels.ts"
import { script, style } from "./page/sources.js"
import type { StoredRun } from "./read.ts"
import { renderAxis, renderFailures, renderSection } from "./pageSections.ts"
import { timeScale } from "./timeScale.ts"
import { runResult, runTitle } from "./renderRun.ts"
import { formatDateTime } from "./times.ts"
import type { Tree, TreeNode } from "./tree.ts"
import { plural } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** The start of every page. `writePage` recognizes pages by it. */
export const pageSignature = "<!doctype html>\n<!-- A run of jiji -->\n"

const cspHash = (text: string): string => `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`

/** `12 (10 done, 1 skipped, 1 failed)`. */
const stepCounts = (nodes: ReadonlyArray<TreeNode>): string => {
  const steps = nodes.filter(doesWork)
  const words = {
    succeeded: "done",
    skipped: "skipped",
    failed: "failed",
    interrupted: "interrupted",
    open: "unfinished"
  } as const
  const parts = Object.entries(words).flatMap(([outcome, word]) => {
    const count = steps.filter((step) => step.outcome === outcome).length
    return count === 0 ? [] : [`${count} ${word}`]
  })
  return `${steps.length}${parts.length === 0 ? "" : ` (${parts.join(", ")})`}`
}

/** `2026-11-23 15:59:03 +01:00`. */
const withZone = (millis: number): string => {
  const minutes = -new Date(millis).getTimezoneOffset()
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0")
  const zone = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
  return `${formatDateTime(millis)} ${zone}`
}

const renderHeader = (run: StoredRun, { nodes, root }: Tree): string => {
  const facts = [
    ["Run", escapeHtml(run.id)],
    ...(run.resumes === undefined ? [] : [["Resumes", escapeHtml(run.resumes)]]),
    ["Started", `<time datetime="${new Date(run.began).toISOString()}">${withZone(run.began)}</time>`],
    ["Duration", formatDuration(run.millis)],
    ["Started by", escapeHtml(run.who)],
    ["Steps", stepCounts([...nodes.values()])],
    ...(run.dropped === 0 ? [] : [["Not saved", `${plural(run.dropped, "line")} of output`]])
  ]
  return `<header><h1>${escapeHtml(runTitle(run))} <span class="outcome ${run.outcome}">${outcomeLabels[run.outcome].text}</span></h1>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>
${renderFailures(root)}</header>`
}

/** The controls that need the page's script. The script shows them. */
const tools = `<div class="tools" hidden>
<input type="search" id="search" placeholder="Search steps and output (press /)" aria-label="Search steps and output" autocomplete="off" spellcheck="false">
<output id="found" aria-live="polite"></output>
<button type="button" id="open">Expand all</button><button type="button" id="close">Collapse all</button>
</div>`

/** Renders a run as a self-contained page: no other files, no network, and a script only for search and shortcuts. */
export const renderPage = (run: StoredRun, tree: Tree): string => {
  const { root } = tree
  const last = Math.max(...[...tree.nodes.values()].map(({ began, ended }) => ended ?? began))
  const end = Math.max(run.began + run.millis, last)
  const scale = timeScale(root.began, end - root.began)
  const css = `${style}\n:root { --tick-distance: ${scale.tickDistance}; }\n`
  const js = new Bun.Transpiler({ loader: "ts" }).transformSync(script)
  // A second line of defense: if escaping missed any markup from a server, it could neither run nor load anything.
  const policy = `default-src 'none'; img-src data:; style-src ${cspHash(css)}; script-src ${cspHash(js)}; base-uri 'none'; form-action 'none'`
  const sections = groupByMachine(root).map((machine) => renderSection(machine, { began: root.began, end, scale }))
  return `${pageSignature}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${escapeHtml(runTitle(run))}: ${escapeHtml(runResult(run))}</title>
<style>${css}</style>
</head>
<body>
${renderHeader(run, tree)}
<div class="bar-top">${tools}${renderAxis(scale)}</div>
<main>
${sections.join("\n")}
<p class="nothing" hidden>No matches.</p>
</main>
<script>${js}</script>
</body>
</html>
`
}
