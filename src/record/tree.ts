import type { Event, FailureRecord, NodeKind } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { formatBytes } from "../core/units.ts"
import { parentPaths, parsePath } from "../reporters/eventLine.ts"

/** A line of output of a step or of one of its commands. */
export interface LogLine {
  /** Epoch milliseconds. */
  readonly time: number
  /** The machine on which the command ran; absent for the step's own messages. */
  readonly machine?: string
  readonly kind: "stdout" | "stderr" | "info" | "warning"
  readonly text: string
}

/** A node of a run and its events. Times are epoch milliseconds. */
export interface TreeNode {
  readonly path: string
  /** The name of a step or pipeline, or the key of an item. */
  readonly label: string
  readonly kind: NodeKind
  /** The server that the node concerns, if any. */
  readonly server?: string
  readonly began: number
  /** Absent if the history has no end of it. */
  ended?: number
  outcome: "open" | "succeeded" | "skipped" | "failed" | "interrupted"
  /** Why the node was skipped. */
  reason: string
  /** How many bytes it has transferred, as text. */
  progress?: string
  failures: ReadonlyArray<FailureRecord>
  /** Failed attempts that were retried. */
  readonly retries: Array<{ readonly time: number; readonly text: string }>
  readonly lines: Array<LogLine>
  readonly children: Array<TreeNode>
}

/** The nodes of a run. The root also has the output from outside all steps. */
export interface Tree {
  readonly root: TreeNode
  readonly nodes: ReadonlyMap<string, TreeNode>
}

const labelOf = (path: string, parent: string): string => {
  const rest = path.slice(parent.length)
  // An item is a child of its forEach and is identified by its key.
  return rest.startsWith("[") && rest.endsWith("]") ? decodeKey(rest.slice(1, -1)) : rest.replace(/^\//, "")
}

const failureText = (failures: ReadonlyArray<FailureRecord>): string => failures.map(({ message }) => message).join(" ")

/**
 * Builds the tree of a run from its events, one by one. Events may be missing, because jiji was killed or dropped some output.
 * `isServer` decides whether an item, by its key and the path of its forEach, is a server.
 */
export const treeBuilder = (
  name: string,
  began: number,
  isServer: (key: string, parent: string) => boolean
): Tree & { readonly add: (event: Event) => void } => {
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
    const key = kind === "item" ? labelOf(path, parent.path) : undefined
    const server = parent.server ?? (key !== undefined && isServer(key, parent.path) ? key : undefined)
    const label = key ?? (kind === "undo" ? parsePath(path).name : labelOf(path, parent.path))
    const node = make(path, label, kind, time, server)
    nodes.set(path, node)
    parent.children.push(node)
    return node
  }
  const end = (node: TreeNode, outcome: TreeNode["outcome"], time: number, more: Partial<TreeNode> = {}) =>
    Object.assign(node, { outcome, ended: time, ...more })

  const add = (event: Event): void => {
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
        at.retries.push({ time, text: `attempt ${event.attempt} failed: ${failureText(event.failures)}` })
        break
      case "StepSucceeded": {
        const node = start(path, event.kind, time)
        if (event.resumed === true) node.lines.push({ time, kind: "info", text: "done before" })
        end(node, "succeeded", time)
        break
      }
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
      case "StepProgress": {
        const of = event.total === undefined ? "" : ` of ${formatBytes(event.total)}`
        at.progress = `${formatBytes(event.bytes)}${of} ${event.label}`
        break
      }
      case "RunStarted":
      case "CommandPlanned":
      case "ActionPlanned":
      case "ResourceAcquired":
        break
    }
  }
  return { root, nodes, add }
}

/** Builds the tree of a run. `servers` are the names of the project's servers. */
export const buildTree = (events: ReadonlyArray<Event>, servers: ReadonlyArray<string>): Tree => {
  const began = events[0]?.time ?? 0
  const name = events.find((event) => event._tag === "RunStarted")?.name ?? events[0]?.path.split("/")[0] ?? ""
  const { add, nodes, root } = treeBuilder(
    name,
    began,
    (key, parent) => servers.includes(key) && !parent.endsWith("services")
  )
  for (const event of events) add(event)
  return { root, nodes }
}

/** Why a node was skipped, how far it is, or its last informational message. */
export const noteOf = ({ lines, outcome, progress, reason }: TreeNode): string => {
  if (outcome === "skipped") return reason
  if (outcome === "open" && progress !== undefined) return progress
  return lines.findLast(({ kind }) => kind === "info")?.text ?? ""
}
