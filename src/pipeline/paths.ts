import { type Node, namedNodes, type PipelineNode } from "./Node.ts"
import { DuplicatePath, InvalidName } from "./PipelineError.ts"

/** The separators of paths, and what a terminal, a CI system or a line reader interprets. */
const invalidCharacter = /[/[\]\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** Returns a name, or throws {@link InvalidName} if paths with it would be ambiguous or unreadable. */
export const checkName = <Name extends string>(name: Name): Name => {
  if (name.trim() === "" || invalidCharacter.test(name)) throw new InvalidName({ name })
  return name
}

/** Returns the nodes of a nested pipeline or forEach. */
const children = (node: Node): ReadonlyArray<Node> => {
  if (node._tag === "Pipeline") return node.nodes
  return node._tag === "ForEach" ? node.body.nodes : []
}

/** Returns the paths of all nodes of a pipeline, as `replace` takes them: without keys of items. */
export const paths = ({
  name,
  nodes
}: {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
}): ReadonlyArray<string> =>
  nodes
    .flatMap(namedNodes)
    .flatMap((node) => [`${name}/${node.name}`, ...paths({ name: `${name}/${node.name}`, nodes: children(node) })])

/** Returns an error with the first path that two nodes of a pipeline share, if any. */
export const findDuplicatePath = (pipeline: PipelineNode): DuplicatePath | undefined => {
  const seen = new Set<string>()
  const path = paths(pipeline).find((each) => seen.size === seen.add(each).size)
  return path === undefined ? undefined : new DuplicatePath({ path })
}

/** Caches the names in a list of nodes. It moves on to the list that is built from it, so building a pipeline stays linear. */
const knownNames = new WeakMap<ReadonlyArray<Node>, Set<string>>()

/** Returns the nodes with one more. Throws {@link DuplicatePath} or {@link InvalidName}. */
export const appendNode = (path: string, nodes: ReadonlyArray<Node>, next: Node): ReadonlyArray<Node> => {
  const names = knownNames.get(nodes) ?? new Set(nodes.flatMap(namedNodes).map(({ name }) => name))
  knownNames.delete(nodes)
  for (const { name } of namedNodes(next)) {
    checkName(name)
    if (names.has(name)) throw new DuplicatePath({ path: `${path}/${name}` })
    names.add(name)
  }
  const appended = nodes.concat(next)
  knownNames.set(appended, names)
  return appended
}
