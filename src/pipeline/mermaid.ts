import { Duration } from "effect"
import { type Description, describe } from "./description.ts"
import type { Node } from "./Node.ts"
import type { Strategy } from "./Strategy.ts"

/** How a strategy reads: `in batches of 2, undo on failure`. */
const words = (strategy: Strategy): string => {
  switch (strategy._tag) {
    case "Parallel":
      return `${strategy.concurrency} at a time, ${strategy.onFailure} on failure`
    case "Rolling":
      return `in batches of ${strategy.batch}, ${strategy.onFailure} on failure`
    case "Canary":
      return `${strategy.first} first, then ${words(strategy.rest)}`
  }
}

const wrapperWords = (wrappers: Extract<Description, { _tag: "Step" }>["wrappers"]): ReadonlyArray<string> =>
  wrappers.map((each) => {
    switch (each._tag) {
      case "Retry":
        return "retried"
      case "Timeout":
        return `at most ${Duration.format(Duration.millis(each.millis))}`
      case "SkipWhen":
        return "may be skipped"
      case "Undo":
        return "can be undone"
    }
  })

/** A text between quotes; what has a meaning of its own there is written as an entity. */
const quoted = (text: string): string =>
  `"${text.replaceAll(/[#"<>&`\\]/g, (sign) => `#${sign.codePointAt(0)};`).replaceAll(/\r?\n/g, " ")}"`

/** What a part is entered and left by. */
interface Ends {
  readonly first: ReadonlyArray<string>
  readonly last: ReadonlyArray<string>
}

/**
 * The pipeline as a Mermaid flowchart, as GitHub and others draw it from a `mermaid` block: a box a step, a frame around
 * each composition, arrows in the order of the run.
 */
export const toMermaid = (pipeline: { readonly name: string; readonly nodes: ReadonlyArray<Node> }): string => {
  const lines: Array<string> = ["flowchart TD"]
  let ids = 0
  const add = (depth: number, line: string) => lines.push(`${"  ".repeat(depth)}${line}`)

  const chain = (nodes: ReadonlyArray<Description>, depth: number): Ends => {
    const parts = nodes.map((node) => draw(node, depth)).filter(({ first }) => first.length > 0)
    parts.slice(1).forEach((part, index) => {
      for (const from of parts[index]?.last ?? []) for (const to of part.first) add(depth, `${from} --> ${to}`)
    })
    return { first: parts[0]?.first ?? [], last: parts.at(-1)?.last ?? [] }
  }

  const frame = (title: string, depth: number, inside: (depth: number) => unknown): Ends => {
    const id = `n${++ids}`
    add(depth, `subgraph ${id} [${quoted(title)}]`)
    inside(depth + 1)
    add(depth, "end")
    return { first: [id], last: [id] }
  }

  const draw = (node: Description, depth: number): Ends => {
    switch (node._tag) {
      case "Step": {
        const id = `n${++ids}`
        add(depth, `${id}[${quoted([node.name, ...wrapperWords(node.wrappers)].join(", "))}]`)
        return { first: [id], last: [id] }
      }
      case "Pipeline":
        return frame(node.name, depth, (inner) => chain(node.nodes, inner))
      case "ForEach":
        return frame(`each of ${node.name}: ${words(node.strategy)}`, depth, (inner) => chain(node.nodes, inner))
      case "When":
        return frame(`or else: ${node.reason}`, depth, (inner) => draw(node.body, inner))
      case "Parallel": {
        const parts = node.branches.map((branch) => draw(branch, depth))
        return { first: parts.flatMap(({ first }) => first), last: parts.flatMap(({ last }) => last) }
      }
    }
  }

  draw(describe(pipeline), 1)
  return `${lines.join("\n")}\n`
}
