import type { FailureRecord } from "../core/Event.ts"
import { doesWork } from "../reporters/eventLine.ts"
import type { Output } from "../reporters/Reporter.ts"
import { painter, type Style, truncate, wrap } from "../reporters/text.ts"
import { outcomeLabels } from "./outcomeLabels.ts"
import type { StoredRun } from "./read.ts"
import { formatAgo, formatDateTime } from "./times.ts"
import { noteOf, type Tree, type TreeNode } from "./tree.ts"
import { oneLine, plural, printable } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** How many of the last lines to show for a failed step. */
const maxOutputLines = 20

const signs: Readonly<Record<TreeNode["outcome"], readonly [sign: string, style: Style]>> = {
  open: ["…", "cyan"],
  succeeded: ["✓", "green"],
  skipped: ["-", "dim"],
  failed: ["✗", "red"],
  interrupted: ["!", "yellow"]
}

/** Wraps a text that starts with a sign, and indents its other lines by the sign's width. */
const wrapAfterSign = (sign: string, text: string, columns: number): ReadonlyArray<string> =>
  wrap(text, columns - sign.length).map((line, index) => `${index === 0 ? sign : " ".repeat(sign.length)}${line}`)

/** `deploy of shop to staging`. */
export const runTitle = ({ environment, pipeline, project }: StoredRun): string =>
  `${pipeline} of ${project}${environment === undefined ? "" : ` to ${environment}`}`

/** `done in 12.3 s`. */
export const runResult = ({ millis, outcome }: StoredRun): string => {
  const { text } = outcomeLabels[outcome]
  if (outcome === "running") return `running for ${formatDuration(millis)}`
  return `${text}${outcome === "succeeded" ? " in" : " after"} ${formatDuration(millis)}`
}

/** Renders a run as a tree of its steps. */
export const renderRun = (
  run: StoredRun,
  { root }: Tree,
  now: number,
  { colors, columns }: Omit<Output, "write">
): ReadonlyArray<string> => {
  const paint = painter(colors)
  const isWide = columns >= 60
  const widthOf = (node: TreeNode, depth: number): number =>
    Math.max(
      0,
      ...node.children.map((child) =>
        Math.max(2 * depth + Bun.stringWidth(oneLine(child.label)), widthOf(child, depth + 1))
      )
    )
  const nameWidth = Math.min(widthOf(root, 0), Math.max(12, Math.floor(columns / 3)))

  const failureLines = (failures: ReadonlyArray<FailureRecord>, room: number): ReadonlyArray<string> =>
    failures.flatMap(({ message, remedy }) => [
      ...wrapAfterSign("", message, room).map((line) => paint("red", line)),
      ...wrapAfterSign("→ ", remedy, room)
    ])
  const detailLines = (node: TreeNode, room: number): ReadonlyArray<string> => {
    const warnings = node.lines
      .filter(({ kind }) => kind === "warning")
      .flatMap(({ text }) => wrapAfterSign("! ", text, room))
    const retries = node.retries.flatMap(({ text }) => wrapAfterSign("↻ ", text, room))
    const alerts = [...retries, ...warnings].map((line) => paint("yellow", line))
    if (node.outcome !== "failed" || !doesWork(node)) return alerts
    const output = node.lines.filter(({ kind }) => kind === "stdout" || kind === "stderr").slice(-maxOutputLines)
    return [
      ...alerts,
      ...failureLines(node.failures, room),
      ...output.map(({ text }) => paint("dim", truncate(`| ${printable(text)}`, room)))
    ]
  }
  const nodeLines = (node: TreeNode, depth: number): ReadonlyArray<string> => {
    const [sign, style] = signs[node.outcome]
    const offset = isWide ? `${`+${((node.began - root.began) / 1000).toFixed(1)}s`.padStart(8)}  ` : ""
    const indent = "  ".repeat(depth)
    const label = truncate(oneLine(node.label), Math.max(4, nameWidth - indent.length))
    const duration =
      node.ended === undefined ? "" : node.outcome === "skipped" ? "" : formatDuration(node.ended - node.began)
    const head = `${label}${" ".repeat(Math.max(0, nameWidth - indent.length - Bun.stringWidth(label)))}  ${duration.padStart(9)}`
    const room = columns - offset.length - indent.length - 2 - Bun.stringWidth(head) - 2
    const detail = room < 8 ? "" : truncate(oneLine(noteOf(node)), room)
    const line = `${head}  ${detail}`.trimEnd()
    const margin = " ".repeat(offset.length + indent.length + 2)
    return [
      `${paint("dim", offset)}${indent}${paint(style, sign)} ${node.outcome === "skipped" ? paint("dim", line) : line}`,
      ...detailLines(node, columns - margin.length).map((line) => `${margin}${line}`),
      ...node.children.flatMap((child) => nodeLines(child, depth + 1))
    ]
  }

  const { sign, style } = outcomeLabels[run.outcome]
  const resumes = run.resumes === undefined ? [] : [`resumes ${run.resumes}`]
  const info = [run.id, formatDateTime(run.began), formatAgo(now - run.began), `by ${run.who}`, ...resumes]
    .map(printable)
    .join(", ")
  // Failures outside all steps, such as a layer that cannot be built.
  const otherFailures = root.children.some(({ outcome }) => outcome === "failed")
    ? []
    : failureLines(root.failures, columns - 2)
  const dropped = run.dropped === 0 ? [] : ["", paint("dim", `Not saved: ${plural(run.dropped, "line")} of output`)]
  return [
    ...wrapAfterSign("  ", `${runTitle(run)} ${runResult(run)}`, columns).map((line, index) =>
      index === 0 ? `${paint(style, sign)}${paint("bold", line.slice(1))}` : paint("bold", line)
    ),
    ...wrap(info, columns - 2).map((line) => `  ${paint("dim", line)}`),
    "",
    ...root.children.flatMap((child) => nodeLines(child, 0)),
    ...[...detailLines({ ...root, outcome: "succeeded" }, columns - 2), ...otherFailures].map((line) => `  ${line}`),
    ...dropped
  ]
}
