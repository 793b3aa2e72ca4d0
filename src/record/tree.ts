import type { Event, FailureRecord, NodeKind } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { parentPaths, parsePath } from "../reporters/eventLine.ts"

/** One line that a step or a command of it said. */
export interface Line {
  /** Epoch milliseconds. */
  readonly time: number
  /** Where a command wrote it; nothing for what the step itself says. */
  readonly machine?: string
  readonly kind: "stdout" | "stderr" | "info" | "warning"
  readonly text: string
}

/** A node of a run, and what was heard of it. Times are epoch milliseconds. */
export interface TreeNode {
  readonly path: string
  /** A step's or pipeline's name; for an item the name of its forEach and its key. */
  readonly label: string
  readonly kind: NodeKind
  /** The machine that it is about, where it is one of the servers. */
  readonly server?: string
  readonly began: number
  /** Absent where it was never heard to end. */
  ended?: number
  outcome: "open" | "succeeded" | "skipped" | "failed" | "interrupted"
  /** Why it was skipped. */
  reason: string
  failures: ReadonlyArray<FailureRecord>
  /** Attempts that failed and were followed by another. */
  readonly retries: Array<{ readonly time: number; readonly text: string }>
  readonly lines: Array<Line>
  readonly children: Array<TreeNode>
}

/** A run's nodes, and what was said outside of any. */
export interface Tree {
  readonly root: TreeNode
  readonly nodes: ReadonlyMap<string, TreeNode>
}

const labelOf = (path: string, parent: string): string => {
  const rest = path.slice(parent.length)
  // An item stands under its forEach, and is told by its key.
  return rest.startsWith("[") && rest.endsWith("]") ? decodeKey(rest.slice(1, -1)) : rest.replace(/^\//, "")
}

const message = (failures: ReadonlyArray<FailureRecord>): string => failures.map(({ message }) => message).join(" ")

/** Puts the nodes of a run together. Events may be missing: a run may have been killed, or not be kept whole. */
export const treeOf = (events: ReadonlyArray<Event>, servers: ReadonlyArray<string>): Tree => {
  const began = events[0]?.time ?? 0
  const name = events.find((event) => event._tag === "RunStarted")?.name ?? events[0]?.path.split("/")[0] ?? ""
  const make = (path: string, label: string, kind: NodeKind, time: number, server?: string): TreeNode => ({
    path,
    label,
    kind,
    ...(server !== undefined && { server }),
    began: time,
    outcome: "open",
    reason: "",
    failures: [],
    retries: [],
    lines: [],
    children: []
  })
  const root = make(name, name, "pipeline", began)
  const nodes = new Map([[name, root]])

  const parentOf = (path: string): TreeNode => {
    const found = parentPaths(path).find((one) => nodes.has(one))
    return (found === undefined ? undefined : nodes.get(found)) ?? root
  }
  const start = (path: string, kind: NodeKind, time: number): TreeNode => {
    const known = nodes.get(path)
    if (known !== undefined) return known
    const parent = parentOf(path)
    const own = kind === "item" ? labelOf(path, parent.path) : undefined
    const server =
      parent.server ??
      (own !== undefined && servers.includes(own) && !parent.path.endsWith("services") ? own : undefined)
    const label = own ?? (kind === "undo" ? parsePath(path).name : labelOf(path, parent.path))
    const node = make(path, label, kind, time, server)
    nodes.set(path, node)
    parent.children.push(node)
    return node
  }
  const end = (node: TreeNode, outcome: TreeNode["outcome"], time: number, more: Partial<TreeNode> = {}) =>
    Object.assign(node, { outcome, ended: time, ...more })

  for (const event of events) {
    const { path, time } = event
    const at = nodes.get(path) ?? parentOf(path)
    switch (event._tag) {
      case "StepStarted":
        start(path, event.kind, time)
        break
      case "StepOutput":
        at.lines.push({ time, machine: event.machine, kind: event.stream, text: event.line })
        break
      case "StepNoted":
        at.lines.push({ time, kind: event.level, text: event.text })
        break
      case "StepRetried":
        at.retries.push({ time, text: `attempt ${event.attempt}: ${message(event.failures)}` })
        break
      case "StepSucceeded":
        end(start(path, event.kind, time), "succeeded", time)
        break
      case "StepSkipped":
        end(start(path, event.kind, time), "skipped", time, { reason: event.reason })
        break
      case "StepFailed":
        end(start(path, event.kind, time), "failed", time, { failures: event.failures })
        break
      case "StepInterrupted":
        end(start(path, event.kind, time), "interrupted", time)
        break
      case "RunSucceeded":
        end(root, "succeeded", time)
        break
      case "RunFailed":
        end(root, "failed", time, { failures: event.failures })
        break
      case "RunInterrupted":
        end(root, "interrupted", time)
        break
      case "ResourceReleased":
        if (!event.clean) at.lines.push({ time, kind: "warning", text: `${event.resource} did not close in time` })
        break
      case "RunStarted":
      case "StepProgress":
      case "ResourceAcquired":
        break
    }
  }
  return { root, nodes }
}

/** What a node says of itself: why it was skipped, or the last that its step noted. */
export const said = ({ lines, outcome, reason }: TreeNode): string =>
  outcome === "skipped" ? reason : (lines.findLast(({ kind }) => kind === "info")?.text ?? "")
