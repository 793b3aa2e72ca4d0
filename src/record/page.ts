import { doesWork } from "../reporters/eventLine.ts"
import { escape } from "./escape.ts"
import { byMachine } from "./machines.ts"
import { told } from "./outcome.ts"
import { script, style } from "./page/sources.js"
import type { RunKept } from "./read.ts"
import { failuresOf, section } from "./rows.ts"
import { scaleOf } from "./scale.ts"
import { ending, title } from "./show.ts"
import { moment } from "./times.ts"
import type { Tree, TreeNode } from "./tree.ts"
import { plural } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** How every page begins, by which a file is known to be one. */
export const beginning = "<!doctype html>\n<!-- A run of jiji -->\n"

const hash = (text: string): string => `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`

/** `12 steps: 10 done, 1 skipped, 1 failed`. */
const counts = (nodes: ReadonlyArray<TreeNode>): string => {
  const steps = nodes.filter(doesWork)
  const words = {
    succeeded: "done",
    skipped: "skipped",
    failed: "failed",
    interrupted: "interrupted",
    open: "not ended"
  } as const
  const parts = Object.entries(words).flatMap(([outcome, word]) => {
    const count = steps.filter((step) => step.outcome === outcome).length
    return count === 0 ? [] : [`${count} ${word}`]
  })
  return `${plural(steps.length, "step")}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`
}

/** `2026-11-23 15:59:03 +01:00`. */
const withZone = (millis: number): string => {
  const minutes = -new Date(millis).getTimezoneOffset()
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0")
  const zone = `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
  return `${moment(millis)} ${zone}`
}

const head = (run: RunKept, { nodes, root }: Tree): string => {
  const facts = [
    ["Run", escape(run.id)],
    ["Began", `<time datetime="${new Date(run.began).toISOString()}">${withZone(run.began)}</time>`],
    ["Took", formatDuration(run.millis)],
    ["By", escape(run.who)],
    ["Did", counts([...nodes.values()])],
    ...(run.dropped === 0 ? [] : [["Left out", `${plural(run.dropped, "line")} in between`]])
  ]
  return `<header><h1>${escape(title(run))} <span class="outcome ${run.outcome}">${told[run.outcome].text}</span></h1>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>
${failuresOf(root)}</header>`
}

/** Searching, and opening all at once: what works only with the page's script. */
const tools = `<div class="tools" hidden>
<input type="search" id="search" placeholder="Search steps and lines  ( / )" aria-label="Search steps and lines" autocomplete="off" spellcheck="false">
<output id="found" aria-live="polite"></output>
<button type="button" id="open">Open all</button><button type="button" id="close">Close all</button>
</div>`

/** A run as one page that needs nothing else: no other file, no network, and for all but the search no script. */
export const page = (run: RunKept, tree: Tree): string => {
  const { root } = tree
  const last = Math.max(...[...tree.nodes.values()].map(({ began, ended }) => ended ?? began))
  const end = Math.max(run.began + run.millis, last)
  const scale = scaleOf(root.began, end - root.began)
  const css = `${style}\n:root { --distance: ${scale.distance}; }\n`
  const js = new Bun.Transpiler({ loader: "ts" }).transformSync(script)
  // Were anything of a server's words taken for markup in spite of all, it could neither run nor fetch anything.
  const policy = `default-src 'none'; img-src data:; style-src ${hash(css)}; script-src ${hash(js)}; base-uri 'none'; form-action 'none'`
  const marks = scale.marks.map(({ at, text }) => `<text x="${at}" y="70%">${text}</text>`)
  const sections = byMachine(root).map((machine) => section(machine, { began: root.began, end, scale }))
  return `${beginning}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${escape(title(run))}: ${escape(ending(run))}</title>
<style>${css}</style>
</head>
<body>
${head(run, tree)}
<div class="bar-top">${tools}<div class="axis"><svg class="lane" aria-hidden="true">${marks.join("")}</svg></div></div>
<main>
${sections.join("\n")}
<p class="nothing" hidden>Nothing matches.</p>
</main>
<script>${js}</script>
</body>
</html>
`
}
