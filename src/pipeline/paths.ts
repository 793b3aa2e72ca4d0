import { calledPipeline, type Node, type PipelineNode, sidesOf } from "./Node.ts"
import { DuplicatePath, InvalidName } from "./PipelineError.ts"

/** The separators of paths, and what a terminal, a CI system or a line reader interprets. */
const invalidCharacter = /[/[\]\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** Returns a name, or throws {@link InvalidName} if paths with it would be ambiguous or unreadable. */
export const checkName = <Name extends string>(name: Name): Name => {
  if (name.trim() === "" || invalidCharacter.test(name)) throw new InvalidName({ name })
  return name
}

/** Adds the names of the second list that the first one lacks. A name that is twice in one of them stays twice. */
const mergeNames = (first: ReadonlyArray<string>, second: ReadonlyArray<string>): ReadonlyArray<string> => {
  const rest = [...first]
  const added = second.filter((name) => {
    const index = rest.indexOf(name)
    if (index !== -1) rest.splice(index, 1)
    return index === -1
  })
  return [...first, ...added]
}

/** Returns the names that a node takes in its pipeline. Only one side of a `choose` runs, so both can have the same names. */
const namesOf = (node: Node): ReadonlyArray<string> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap(namesOf)
    case "When":
      return namesOf(node.body)
    case "Choose":
      return sidesOf(node).map(namesOf).reduce(mergeNames, [])
    default:
      return [node.name]
  }
}

const pathsOf = (node: Node, parent: string): ReadonlyArray<string> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap((branch) => pathsOf(branch, parent))
    case "When":
      return pathsOf(node.body, parent)
    case "Choose":
      return sidesOf(node)
        .map((side) => pathsOf(side, parent))
        .reduce(mergeNames, [])
    case "Step":
      return [`${parent}/${node.name}`]
    case "Call": {
      const path = `${parent}/${node.name}`
      return [path, ...paths({ name: path, nodes: calledPipeline(node)?.nodes ?? [] })]
    }
    case "Pipeline":
      return [`${parent}/${node.name}`, ...paths({ name: `${parent}/${node.name}`, nodes: node.nodes })]
    case "ForEach":
      return [`${parent}/${node.name}`, ...paths({ name: `${parent}/${node.name}`, nodes: node.body.nodes })]
  }
}

/** Whether a path is that of a node in another one, or of one of its items or attempts. */
export const isBelow = (path: string, outer: string): boolean =>
  path.startsWith(`${outer}/`) || path.startsWith(`${outer}[`)

/** The name of an undo in paths. */
const undoName = "undo"

/** Returns whether one of the nodes has the name that the path of their pipeline's undo ends with. */
export const takesUndoName = (nodes: ReadonlyArray<Node>): boolean => nodes.flatMap(namesOf).includes(undoName)

const hasUndo = ({ wrappers }: Pick<PipelineNode, "wrappers">): boolean => wrappers.some(({ _tag }) => _tag === "Undo")

/** Returns the paths of all nodes of a pipeline, as `replace` takes them: without keys of items. */
export const paths = ({
  name,
  nodes
}: {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
}): ReadonlyArray<string> => nodes.flatMap((node) => pathsOf(node, name))

/** Returns the paths of all forEach nodes of a pipeline. */
export const forEachPaths = ({ name, nodes }: PipelineNode): ReadonlyArray<string> => {
  const within = (node: Node, parent: string): ReadonlyArray<string> => {
    if (node._tag === "Parallel") return node.branches.flatMap((branch) => within(branch, parent))
    const path = "name" in node ? `${parent}/${node.name}` : parent
    switch (node._tag) {
      case "Step":
        return []
      case "Call":
        return (calledPipeline(node)?.nodes ?? []).flatMap((each) => within(each, path))
      case "When":
        return within(node.body, path)
      case "Choose":
        return [...new Set(sidesOf(node).flatMap((side) => within(side, path)))]
      case "Pipeline":
        return node.nodes.flatMap((each) => within(each, path))
      case "ForEach":
        return [path, ...node.body.nodes.flatMap((each) => within(each, path))]
    }
  }
  return nodes.flatMap((node) => within(node, name))
}

/** Returns the path of the call above a path, if a function chooses the pipeline that it calls. */
export const dynamicCallAt = ({ name, nodes }: PipelineNode, path: string): string | undefined => {
  const within = (node: Node, parent: string): string | undefined => {
    if (node._tag === "Parallel") return first(node.branches, parent)
    if (node._tag === "When") return within(node.body, parent)
    if (node._tag === "Choose") return first(sidesOf(node), parent)
    const at = `${parent}/${node.name}`
    if (!path.startsWith(`${at}/`) || node._tag === "Step") return undefined
    if (node._tag === "Pipeline") return first(node.nodes, at)
    if (node._tag === "ForEach") return first(node.body.nodes, at)
    const called = calledPipeline(node)
    return called === undefined ? at : first(called.nodes, at)
  }
  const first = (nodes: ReadonlyArray<Node>, parent: string): string | undefined => {
    for (const node of nodes) {
      const found = within(node, parent)
      if (found !== undefined) return found
    }
    return undefined
  }
  return first(nodes, name)
}

/** Returns the pipelines in a node, with their paths. */
const pipelinesIn = (node: Node, parent: string): ReadonlyArray<readonly [path: string, pipeline: PipelineNode]> => {
  switch (node._tag) {
    case "Step":
      return []
    case "Parallel":
      return node.branches.flatMap((branch) => pipelinesIn(branch, parent))
    case "When":
      return pipelinesIn(node.body, parent)
    case "Choose":
      return sidesOf(node).flatMap((side) => pipelinesIn(side, parent))
    case "Pipeline":
      return withPipelinesBelow(node, `${parent}/${node.name}`)
    case "ForEach":
      return withPipelinesBelow(node.body, `${parent}/${node.name}`)
    case "Call": {
      const called = calledPipeline(node)
      return called === undefined ? [] : withPipelinesBelow(called, `${parent}/${node.name}`)
    }
  }
}

const withPipelinesBelow = (
  pipeline: PipelineNode,
  path: string
): ReadonlyArray<readonly [path: string, pipeline: PipelineNode]> => [
  [path, pipeline],
  ...pipeline.nodes.flatMap((each) => pipelinesIn(each, path))
]

/** Returns an error with the first path that two nodes of a pipeline share, if any. */
export const findDuplicatePath = (pipeline: PipelineNode): DuplicatePath | undefined => {
  const all = withPipelinesBelow(pipeline, pipeline.name)
  const clash = all.find(([, each]) => hasUndo(each) && takesUndoName(each.nodes))
  if (clash !== undefined) return new DuplicatePath({ path: `${clash[0]}/${undoName}` })
  const seen = new Set<string>()
  const path = paths(pipeline).find((each) => seen.size === seen.add(each).size)
  return path === undefined ? undefined : new DuplicatePath({ path })
}

/** Caches the names in a list of nodes. It moves on to the list that is built from it, so building a pipeline stays linear. */
const knownNames = new WeakMap<ReadonlyArray<Node>, Set<string>>()

/** Returns the nodes of a pipeline with one more. Throws {@link DuplicatePath} or {@link InvalidName}. */
export const appendNode = (pipeline: Omit<PipelineNode, "_tag">, next: Node): ReadonlyArray<Node> => {
  const { name: path, nodes } = pipeline
  const names = knownNames.get(nodes) ?? new Set(nodes.flatMap(namesOf))
  knownNames.delete(nodes)
  for (const name of namesOf(next)) {
    checkName(name)
    if (names.has(name) || (name === undoName && hasUndo(pipeline)))
      throw new DuplicatePath({ path: `${path}/${name}` })
    names.add(name)
  }
  const appended = nodes.concat(next)
  knownNames.set(appended, names)
  return appended
}
