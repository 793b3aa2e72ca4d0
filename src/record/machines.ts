import { doesWork } from "../reporters/eventLine.ts"
import type { TreeNode } from "./tree.ts"

/** A node among those of one machine. */
export interface Row {
  readonly node: TreeNode
  readonly label: string
  readonly rows: ReadonlyArray<Row>
}

/** What was done about one machine. */
export interface Machine {
  /** A server's name; nothing for this machine. */
  readonly server?: string
  readonly rows: ReadonlyArray<Row>
}

const below = (node: TreeNode): ReadonlyArray<TreeNode> => [node, ...node.children.flatMap(below)]

/** The nodes that are about no server. One that only holds those of servers is not among them. */
const here = (node: TreeNode): ReadonlyArray<Row> => {
  if (node.server !== undefined) return []
  const rows = node.children.flatMap(here)
  return doesWork(node) || rows.length > 0 || node.lines.length > 0 ? [{ node, label: node.label, rows }] : []
}

const whole = (node: TreeNode): Row => ({ node, label: node.label, rows: node.children.map(whole) })

/** A tree's nodes by the machine that they are about: first this one, then each server. */
export const byMachine = (root: TreeNode): ReadonlyArray<Machine> => {
  const items = below(root).flatMap((parent) =>
    parent.server === undefined ? parent.children.filter(({ server }) => server !== undefined) : []
  )
  const servers = [...new Set(items.flatMap(({ server }) => (server === undefined ? [] : [server])))]
  const on = (server: string): ReadonlyArray<Row> =>
    items
      .filter((item) => item.server === server)
      .map((node) => {
        // The server's name stands above: what is said here is what was done for each of them.
        const label = node.path.slice(root.path.length + 1, node.path.lastIndexOf("["))
        return { ...whole(node), label: label.replaceAll("/", " / ") }
      })
  const own = root.children.flatMap(here)
  return [...(own.length === 0 ? [] : [{ rows: own }]), ...servers.map((server) => ({ server, rows: on(server) }))]
}
