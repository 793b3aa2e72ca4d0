import { Duration } from "effect"
import { type Description, describe } from "./description.ts"
import type { Node } from "./Node.ts"

/** Returns a strategy in words: `in batches of 2, undo on failure`. */
const strategyLabel = (strategy: Extract<Description, { _tag: "ForEach" }>["strategy"]): string => {
  switch (strategy._tag) {
    case "FromState":
      return "with a strategy from the state"
    case "Parallel":
      return `${strategy.concurrency === undefined ? "in parallel" : `${strategy.concurrency} at a time`}, ${strategy.onFailure} on failure`
    case "Rolling":
      return `in batches of ${strategy.batch}, ${strategy.onFailure} on failure`
    case "Canary":
      return `${strategy.first} first, then ${strategyLabel(strategy.rest)}`
  }
}

const wrapperLabels = (wrappers: Extract<Description, { _tag: "Step" }>["wrappers"] = []): ReadonlyArray<string> =>
  wrappers.flatMap((each) => {
    switch (each._tag) {
      case "Retry":
        return "with retries"
      case "Timeout":
        return `timeout ${Duration.format(Duration.millis(each.millis))}`
      case "TimeoutFromState":
        return "timeout from the state"
      case "SkipWhen":
        return "may be skipped"
      case "Cached":
        return "cached"
      case "Undo":
        return "can be undone"
      case "Provide":
        return []
    }
  })

/** Quotes a label. Characters with a special meaning in Mermaid become entities. */
const quote = (text: string): string =>
  `"${text.replaceAll(/[#"<>&`\\]/g, (character) => `#${character.codePointAt(0)};`).replaceAll(/\r?\n/g, " ")}"`

/** The ids of the boxes at which the arrows into and out of a part attach. */
interface Ends {
  readonly first: ReadonlyArray<string>
  readonly last: ReadonlyArray<string>
}

/**
 * Returns the pipeline as a Mermaid flowchart, which GitHub renders in a `mermaid` code block. Each step is a box and each
 * pipeline, forEach and when is a frame; arrows show the order.
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
    add(depth, `subgraph ${id} [${quote(title)}]`)
    inside(depth + 1)
    add(depth, "end")
    return { first: [id], last: [id] }
  }

  const draw = (node: Description, depth: number): Ends => {
    switch (node._tag) {
      case "Step": {
        const id = `n${++ids}`
        add(depth, `${id}[${quote([node.name, ...wrapperLabels(node.wrappers)].join(", "))}]`)
        return { first: [id], last: [id] }
      }
      case "Pipeline":
        return frame([node.name, ...wrapperLabels(node.wrappers)].join(", "), depth, (inner) =>
          chain(node.nodes, inner)
        )
      case "ForEach": {
        const waits = node.waitBefore === undefined ? "" : `, may wait before ${node.waitBefore}`
        const title = [`each of ${node.name}: ${strategyLabel(node.strategy)}${waits}`, ...wrapperLabels(node.wrappers)]
        return frame(title.join(", "), depth, (inner) => chain(node.nodes, inner))
      }
      case "Call": {
        const label = [`call of ${node.name}`, ...wrapperLabels(node.wrappers)].join(", ")
        if (!node.dynamic) return frame(label, depth, (inner) => chain(node.nodes, inner))
        const id = `n${++ids}`
        add(depth, `${id}[[${quote(label)}]]`)
        return { first: [id], last: [id] }
      }
      case "When":
        return frame(`unless: ${node.reason}`, depth, (inner) => draw(node.body, inner))
      case "Choose": {
        const id = `n${++ids}`
        add(depth, `${id}{${quote(node.question ?? "if")}}`)
        const sides = [
          ["yes", node.body],
          ["no", node.else]
        ] as const
        const last = sides.flatMap(([answer, side]) => {
          const ends = side === undefined ? undefined : draw(side, depth)
          for (const first of ends?.first ?? []) add(depth, `${id} -->|${answer}| ${first}`)
          return ends === undefined || ends.last.length === 0 ? [id] : ends.last
        })
        return { first: [id], last }
      }
      case "Parallel": {
        const parts = node.branches.map((branch) => draw(branch, depth))
        return { first: parts.flatMap(({ first }) => first), last: parts.flatMap(({ last }) => last) }
      }
    }
  }

  draw(describe(pipeline), 1)
  return `${lines.join("\n")}\n`
}
