import type { FailureRecord } from "../core/Event.ts"
import { doesWork } from "../reporters/eventLine.ts"
import type { Output } from "../reporters/Reporter.ts"
import { truncate, painter, type Style, wrap } from "../reporters/text.ts"
import { told } from "./outcome.ts"
import type { RunKept } from "./read.ts"
import { ago, moment } from "./times.ts"
import { said, type Tree, type TreeNode } from "./tree.ts"
import { oneLine, printable } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** Lines of a failed command that are shown. */
const lastLines = 20

const signs: Readonly<Record<TreeNode["outcome"], readonly [sign: string, style: Style]>> = {
  open: ["…", "cyan"],
  succeeded: ["✓", "green"],
  skipped: ["-", "dim"],
  failed: ["✗", "red"],
  interrupted: ["!", "yellow"]
}

/** What follows the first sign of a text, on the lines below it. */
const block = (sign: string, text: string, columns: number): ReadonlyArray<string> =>
  wrap(text, columns - sign.length).map((line, index) => `${index === 0 ? sign : " ".repeat(sign.length)}${line}`)

/** `deploy of shop to staging`. */
export const title = ({ environment, pipeline, project }: RunKept): string =>
  `${pipeline} of ${project}${environment === undefined ? "" : ` to ${environment}`}`

/** `done in 12.3 s`. */
export const ending = ({ millis, outcome }: RunKept): string => {
  const { text } = told[outcome]
  if (outcome === "running") return `running for ${formatDuration(millis)}`
  return `${text}${outcome === "succeeded" ? " in" : " after"} ${formatDuration(millis)}`
}

/** A run as a tree of its steps, in as many columns as there are. */
export const show = (
  run: RunKept,
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
  const names = Math.min(widthOf(root, 0), Math.max(12, Math.floor(columns / 3)))

  const failed = (failures: ReadonlyArray<FailureRecord>, room: number): ReadonlyArray<string> =>
    failures.flatMap(({ message, remedy }) => [
      ...block("", message, room).map((line) => paint("red", line)),
      ...block("→ ", remedy, room)
    ])
  const below = (node: TreeNode, room: number): ReadonlyArray<string> => {
    const warnings = node.lines.filter(({ kind }) => kind === "warning").flatMap(({ text }) => block("! ", text, room))
    const retries = node.retries.flatMap(({ text }) => block("↻ ", text, room))
    const all = [...retries, ...warnings].map((line) => paint("yellow", line))
    if (node.outcome !== "failed" || !doesWork(node)) return all
    const output = node.lines.filter(({ kind }) => kind === "stdout" || kind === "stderr").slice(-lastLines)
    return [
      ...all,
      ...failed(node.failures, room),
      ...output.map(({ text }) => paint("dim", truncate(`| ${printable(text)}`, room)))
    ]
  }
  const lines = (node: TreeNode, depth: number): ReadonlyArray<string> => {
    const [sign, style] = signs[node.outcome]
    const offset = isWide ? `${`+${((node.began - root.began) / 1000).toFixed(1)}s`.padStart(8)}  ` : ""
    const indent = "  ".repeat(depth)
    const label = truncate(oneLine(node.label), Math.max(4, names - indent.length))
    const took =
      node.ended === undefined ? "" : node.outcome === "skipped" ? "" : formatDuration(node.ended - node.began)
    const head = `${label}${" ".repeat(Math.max(0, names - indent.length - Bun.stringWidth(label)))}  ${took.padStart(9)}`
    const room = columns - offset.length - indent.length - 2 - Bun.stringWidth(head) - 2
    const detail = room < 8 ? "" : truncate(oneLine(said(node)), room)
    const line = `${head}  ${detail}`.trimEnd()
    const margin = " ".repeat(offset.length + indent.length + 2)
    return [
      `${paint("dim", offset)}${indent}${paint(style, sign)} ${node.outcome === "skipped" ? paint("dim", line) : line}`,
      ...below(node, columns - margin.length).map((line) => `${margin}${line}`),
      ...node.children.flatMap((child) => lines(child, depth + 1))
    ]
  }

  const { sign, style } = told[run.outcome]
  const about = [run.id, moment(run.began), ago(now - run.began), `by ${run.who}`].map(printable).join(", ")
  // What failed outside of all steps: a layer that cannot be built.
  const elsewhere = root.children.some(({ outcome }) => outcome === "failed") ? [] : failed(root.failures, columns - 2)
  const left =
    run.dropped === 0 ? [] : ["", paint("dim", `${run.dropped} of what the steps said in between are not kept.`)]
  return [
    ...block("  ", `${title(run)} ${ending(run)}`, columns).map((line, index) =>
      index === 0 ? `${paint(style, sign)}${paint("bold", line.slice(1))}` : paint("bold", line)
    ),
    ...wrap(about, columns - 2).map((line) => `  ${paint("dim", line)}`),
    "",
    ...root.children.flatMap((child) => lines(child, 0)),
    ...[...below({ ...root, outcome: "succeeded" }, columns - 2), ...elsewhere].map((line) => `  ${line}`),
    ...left
  ]
}
