import { type Node, namedNodes, type PipelineNode } from "./Node.ts"
import { DuplicatePath } from "./PipelineError.ts"

/** The nodes below a node, in their own pipeline. */
const below = (node: Node): ReadonlyArray<Node> => {
  if (node._tag === "Pipeline") return node.nodes
  return node._tag === "ForEach" ? node.body.nodes : []
}

/** The paths of all nodes of a pipeline, as they are written to change it: without keys of items. */
export const paths = ({
  name,
  nodes
}: {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
}): ReadonlyArray<string> =>
  nodes
    .flatMap(namedNodes)
    .flatMap((node) => [`${name}/${node.name}`, ...paths({ name: `${name}/${node.name}`, nodes: below(node) })])

/** The path that two nodes of a pipeline have in common, where there is one. */
export const duplicateBelow = (pipeline: PipelineNode): DuplicatePath | undefined => {
  const seen = new Set<string>()
  const path = paths(pipeline).find((each) => seen.size === seen.add(each).size)
  return path === undefined ? undefined : new DuplicatePath({ path })
}

/** The names in the nodes that were made last: handed on to those made from them, so that no pipeline counts them twice. */
const taken = new WeakMap<ReadonlyArray<Node>, Set<string>>()

/** The nodes with one more; throws where that would make two with one path, which is a fault of the program. */
export const appendNode = (path: string, nodes: ReadonlyArray<Node>, next: Node): ReadonlyArray<Node> => {
  const names = taken.get(nodes) ?? new Set(nodes.flatMap(namedNodes).map(({ name }) => name))
  taken.delete(nodes)
  for (const { name } of namedNodes(next)) {
    if (names.has(name)) throw new DuplicatePath({ path: `${path}/${name}` })
    names.add(name)
  }
  const longer = nodes.concat(next)
  taken.set(longer, names)
  return longer
}
