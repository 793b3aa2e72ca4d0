import { doesWork } from "../reporters/eventLine.ts"
import type { TreeNode } from "./tree.ts"

/** A node as shown in one machine's section. */
export interface SectionRow {
  readonly node: TreeNode
  readonly label: string
  readonly rows: ReadonlyArray<SectionRow>
}

/** The part of a run that concerns one machine. */
export interface MachineSection {
  /** The server's name; absent for the local machine. */
  readonly server?: string
  readonly rows: ReadonlyArray<SectionRow>
}

const withDescendants = (node: TreeNode): ReadonlyArray<TreeNode> => [node, ...node.children.flatMap(withDescendants)]

/** The nodes that concern no server. Leaves out groups that contain only server nodes. */
const localRows = (node: TreeNode): ReadonlyArray<SectionRow> => {
  if (node.server !== undefined) return []
  const rows = node.children.flatMap(localRows)
  return doesWork(node) || rows.length > 0 || node.lines.length > 0 ? [{ node, label: node.label, rows }] : []
}

const rowOf = (node: TreeNode): SectionRow => ({ node, label: node.label, rows: node.children.map(rowOf) })

/** Groups a tree's nodes by machine: the local machine first, then each server. */
export const groupByMachine = (root: TreeNode): ReadonlyArray<MachineSection> => {
  const items = withDescendants(root).flatMap((parent) =>
    parent.server === undefined ? parent.children.filter(({ server }) => server !== undefined) : []
  )
  const servers = [...new Set(items.flatMap(({ server }) => (server === undefined ? [] : [server])))]
  const rowsOn = (server: string): ReadonlyArray<SectionRow> =>
    items
      .filter((item) => item.server === server)
      .map((node) => {
        // The section's heading names the server, so the label is the path of its forEach.
        const label = node.path.slice(root.path.length + 1, node.path.lastIndexOf("["))
        return { ...rowOf(node), label: label.replaceAll("/", " / ") }
      })
  const local = root.children.flatMap(localRows)
  return [
    ...(local.length === 0 ? [] : [{ rows: local }]),
    ...servers.map((server) => ({ server, rows: rowsOn(server) }))
  ]
}
