import { Result } from "effect"
import type {
  InsertedNodes,
  HasStrategy,
  StateAfterInsert,
  StateAfterRemove,
  InnerPath,
  WithoutNode,
  WithoutNodeAndKeys,
  Removable,
  Replaceable,
  Insertable,
  EditedPipeline
} from "./types/Edits.ts"
import { asNode, calledPipeline, type ForEachNode, type Node, namedNodes, type PipelineNode } from "./Node.ts"
import { checkStrategy } from "./checkStrategy.ts"
import { checkName, dynamicCallAt, findDuplicatePath, forEachPaths, paths } from "./paths.ts"
import { type DuplicatePath, NoSuchNode, NotAForEach } from "./PipelineError.ts"
import type { Strategy } from "./Strategy.ts"
import type { Pipeline } from "./Pipeline.ts"
import type { Branch } from "./types/NodeMap.ts"

type Edit =
  | { readonly kind: "replace" | "before" | "after"; readonly next: Node }
  | { readonly kind: "remove" }
  | { readonly kind: "strategy"; readonly strategy: ForEachNode["strategy"] }

/** Returns the nodes to put in place of the edited node. */
const editedNodes = (node: Node, edit: Edit): ReadonlyArray<Node> => {
  switch (edit.kind) {
    case "replace":
      return [edit.next]
    case "before":
      return [edit.next, node]
    case "after":
      return [node, edit.next]
    case "remove":
      return []
    case "strategy":
      return [node._tag === "ForEach" ? { ...node, strategy: edit.strategy } : node]
  }
}

const editWithin = (
  node: Node,
  [name = "", ...rest]: ReadonlyArray<string>,
  edit: Edit
): ReadonlyArray<Node> | undefined => {
  const isHere = rest.length === 0
  // Inserting before or after a parallel branch or a `when` body inserts before or after the whole group.
  const isInsertHere = isHere && (edit.kind === "before" || edit.kind === "after")
  switch (node._tag) {
    case "Step":
      return isHere ? editedNodes(node, edit) : undefined
    case "Pipeline": {
      if (isHere) return editedNodes(node, edit)
      const nodes = editNodes(node.nodes, rest, edit)
      return nodes && [{ ...node, nodes }]
    }
    case "ForEach": {
      if (isHere) return editedNodes(node, edit)
      const nodes = editNodes(node.body.nodes, rest, edit)
      return nodes && [{ ...node, body: { ...node.body, nodes } }]
    }
    case "Call": {
      if (isHere) return editedNodes(node, edit)
      const called = calledPipeline(node)
      const nodes = called && editNodes(called.nodes, rest, edit)
      return nodes && [{ ...node, target: { ...called, nodes } }]
    }
    case "Parallel": {
      if (isInsertHere) return editedNodes(node, edit)
      const branches = editNodes(node.branches, [name, ...rest], edit)
      return branches && (branches.length === 0 ? [] : [{ ...node, branches }])
    }
    case "When": {
      if (isInsertHere) return editedNodes(node, edit)
      const bodies = editNodes([node.body], [name, ...rest], edit)
      // Only steps and pipelines can be inserted, so the new body is one of those.
      return bodies?.map((body) => ({ ...node, body: body as PipelineNode }))
    }
    case "Choose": {
      if (isInsertHere) return editedNodes(node, edit)
      const { body, else: other, ...choose } = node
      // Both sides, since they can have the same name. Undefined if the path is not in this side.
      const sides = [body, other].map((side) => side && editNodes([side], [name, ...rest], edit))
      if (sides.every((side) => side === undefined)) return undefined
      // As above, the new sides are steps or pipelines.
      const [newBody, newElse] = [body, other].map(
        (side, index) => (sides[index] ?? [side])[0] as PipelineNode | undefined
      )
      if (newBody === undefined && newElse === undefined) return []
      return [{ ...choose, ...(newBody && { body: newBody }), ...(newElse && { else: newElse }) }]
    }
  }
}

/** Returns the nodes with the edit applied at a path below them, or undefined if the path does not exist. */
const editNodes = (
  nodes: ReadonlyArray<Node>,
  path: ReadonlyArray<string>,
  edit: Edit
): ReadonlyArray<Node> | undefined => {
  const index = nodes.findIndex((node) => namedNodes(node).some(({ name }) => name === path[0]))
  const node = nodes[index]
  const next = node && editWithin(node, path, edit)
  return next && [...nodes.slice(0, index), ...next, ...nodes.slice(index + 1)]
}

const applyEdit = <P>(self: object, path: string, edit: Edit): Result.Result<P, NoSuchNode | DuplicatePath> => {
  // At run time every pipeline is a PipelineNode.
  const pipeline = self as PipelineNode
  if ("next" in edit) for (const { name } of namedNodes(edit.next)) checkName(name)
  const [name, ...rest] = path.split("/")
  const nodes = name === pipeline.name ? editNodes(pipeline.nodes, rest, edit) : undefined
  if (nodes === undefined) {
    const call = dynamicCallAt(pipeline, path)
    return Result.fail(new NoSuchNode({ path, paths: paths(pipeline), ...(call !== undefined && { call }) }))
  }
  const next = { ...pipeline, nodes }
  const duplicate = findDuplicatePath(next)
  // The signatures below state the type.
  return duplicate === undefined ? Result.succeed(next as P) : Result.fail(duplicate)
}

/**
 * Replaces the node at a path with a step or a pipeline. A path consists of names, starting with the pipeline's own, without
 * keys of items: `deploy/servers/pull`. It can lead into a called pipeline, unless a function chooses that. Returns the edited
 * pipeline; the original does not change.
 *
 * Does not compile if the new node needs something that the state does not have there, or adds less than the old one did.
 * Fails with {@link NoSuchNode} if the path does not exist, and with {@link DuplicatePath} if the name is already used.
 */
export const replace =
  <const Path extends string, const B extends Branch>(path: Path, next: B) =>
  <N, S, E, R, X extends Replaceable<X, InnerPath<Path>, B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    EditedPipeline<
      N,
      S,
      E,
      R,
      WithoutNode<X, InnerPath<Path>> & InsertedNodes<X, InnerPath<Path>, "before", B>,
      Name,
      B
    >,
    NoSuchNode | DuplicatePath
  > =>
    applyEdit(self, path, { kind: "replace", next: asNode(next) })

const insert =
  <Side extends "before" | "after">(side: Side) =>
  <const Path extends string, const B extends Branch>(path: Path, next: B) =>
  <N, S, E, R, X extends Insertable<X, InnerPath<Path>, Side, B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    EditedPipeline<
      N,
      StateAfterInsert<S, InnerPath<Path>, B>,
      E,
      R,
      X & InsertedNodes<X, InnerPath<Path>, Side, B>,
      Name,
      B
    >,
    NoSuchNode | DuplicatePath
  > =>
    applyEdit(self, path, { kind: side, next: asNode(next) })

/**
 * Inserts a step or a pipeline before the node at a path. If the node is a parallel branch, inserts before all branches.
 * Returns the edited pipeline; if the path is directly below its name, the final state has what the new node adds.
 *
 * Does not compile if the new node needs something that the state does not have there, or changes the type of a key in it.
 * Fails as {@link replace} does.
 */
export const insertBefore = insert("before")

/** Inserts a step or a pipeline after the node at a path. Otherwise like {@link insertBefore}. */
export const insertAfter = insert("after")

/**
 * Removes the node at a path and everything below it. Returns the edited pipeline, without the removed keys in its state.
 *
 * Does not compile if another node needs something that only this node adds. Fails as {@link replace} does.
 */
export const remove =
  <const Path extends string>(path: Path) =>
  <N, S, E, R, X extends Removable<X, InnerPath<Path>>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    Pipeline<N, StateAfterRemove<S, X, InnerPath<Path>>, E, R, WithoutNodeAndKeys<X, InnerPath<Path>>, Name>,
    NoSuchNode | DuplicatePath
  > =>
    applyEdit(self, path, { kind: "remove" })

/**
 * Changes the strategy of the forEach at a path. It may depend on the state, as in `Pipeline.forEach`. Returns the edited
 * pipeline.
 *
 * Does not compile if the path does not lead to a forEach. Fails with {@link NoSuchNode} if the path does not exist, and with
 * {@link NotAForEach} if it leads to another node. Throws `InvalidStrategy` as `Pipeline.forEach` does.
 */
export const strategy =
  <const Path extends string, S0 = unknown>(path: Path, strategy: Strategy | ((state: S0) => Strategy)) =>
  <N, S, E, R, X extends HasStrategy<X, InnerPath<Path>, S0>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<Pipeline<N, S, E, R, X, Name>, NoSuchNode | NotAForEach> => {
    const chosen = typeof strategy === "function" ? strategy : checkStrategy(path, strategy)
    const pipeline: PipelineNode = self
    const known = forEachPaths(pipeline)
    if (paths(pipeline).includes(path) && !known.includes(path)) {
      return Result.fail(new NotAForEach({ path, paths: known }))
    }
    const edited = applyEdit<Pipeline<N, S, E, R, X, Name>>(self, path, { kind: "strategy", strategy: chosen })
    // No name has changed.
    return edited as Result.Result<Pipeline<N, S, E, R, X, Name>, NoSuchNode>
  }
