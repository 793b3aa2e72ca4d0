import { Result } from "effect"
import type {
  Beside,
  Fresh,
  Gained,
  Inner,
  Left,
  LeftWithout,
  Removable,
  Replaceable,
  Room,
  With
} from "./types/Change.ts"
import { asNode, type Node, namedNodes, type PipelineNode } from "./Node.ts"
import { duplicateBelow, paths } from "./paths.ts"
import { type DuplicatePath, NoSuchNode } from "./PipelineError.ts"
import type { Pipeline } from "./Pipeline.ts"
import type { Branch } from "./types/Place.ts"
import type { Without } from "./types/Then.ts"

type Edit = { readonly kind: "replace" | "before" | "after"; readonly next: Node } | { readonly kind: "remove" }

/** What stands in a node's place then. */
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
  }
}

const within = (
  node: Node,
  [name = "", ...rest]: ReadonlyArray<string>,
  edit: Edit
): ReadonlyArray<Node> | undefined => {
  const isHere = rest.length === 0
  // One that runs beside others or under a condition has nothing before and after it but what is around them all.
  const isAround = isHere && (edit.kind === "before" || edit.kind === "after")
  switch (node._tag) {
    case "Step":
      return isHere ? editedNodes(node, edit) : undefined
    case "Pipeline": {
      if (isHere) return editedNodes(node, edit)
      const nodes = inside(node.nodes, rest, edit)
      return nodes && [{ ...node, nodes }]
    }
    case "ForEach": {
      if (isHere) return editedNodes(node, edit)
      const nodes = inside(node.body.nodes, rest, edit)
      return nodes && [{ ...node, body: { ...node.body, nodes } }]
    }
    case "Parallel": {
      if (isAround) return editedNodes(node, edit)
      const branches = inside(node.branches, [name, ...rest], edit)
      return branches && (branches.length === 0 ? [] : [{ ...node, branches }])
    }
    case "When": {
      if (isAround) return editedNodes(node, edit)
      const bodies = inside([node.body], [name, ...rest], edit)
      // What can be put in is a step or a pipeline, as every body is.
      return bodies?.map((body) => ({ ...node, body: body as PipelineNode }))
    }
  }
}

/** The nodes with the edit made at a path below them; nothing where there is no such path. */
const inside = (
  nodes: ReadonlyArray<Node>,
  path: ReadonlyArray<string>,
  edit: Edit
): ReadonlyArray<Node> | undefined => {
  const index = nodes.findIndex((node) => namedNodes(node).some(({ name }) => name === path[0]))
  const node = nodes[index]
  const next = node && within(node, path, edit)
  return next && [...nodes.slice(0, index), ...next, ...nodes.slice(index + 1)]
}

const edited = <P>(self: object, path: string, edit: Edit): Result.Result<P, NoSuchNode | DuplicatePath> => {
  // Every pipeline is a node but for its type parameters.
  const pipeline = self as PipelineNode
  const [name, ...rest] = path.split("/")
  const nodes = name === pipeline.name ? inside(pipeline.nodes, rest, edit) : undefined
  if (nodes === undefined) return Result.fail(new NoSuchNode({ path, paths: paths(pipeline) }))
  const next = { ...pipeline, nodes }
  const twice = duplicateBelow(next)
  // The types are the promise of the signatures below.
  return twice === undefined ? Result.succeed(next as P) : Result.fail(twice)
}

/**
 * Puts a step or a pipeline in the place of the node at a path, `deploy/servers/pull` for one: the names from the
 * pipeline's own on, without keys of items. It must need no more than the state has there, and add no less than what it
 * replaces, or it does not compile. The path is then its own name's.
 *
 * The types know the path below the first name; whether there is such a node is known for sure only here, and is a
 * NoSuchNode; a name that is there already is a DuplicatePath.
 */
export const replace =
  <const Path extends string, const B extends Branch>(path: Path, next: B) =>
  <N, S, E, R, X extends Replaceable<X, Inner<Path>, B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    With<N, S, E, R, Left<X, Inner<Path>> & Beside<X, Inner<Path>, "before", B>, Name, B>,
    NoSuchNode | DuplicatePath
  > =>
    edited(self, path, { kind: "replace", next: asNode(next) })

const inserted =
  <Side extends "before" | "after">(side: Side) =>
  <const Path extends string, const B extends Branch>(path: Path, next: B) =>
  <N, S, E, R, X extends Room<X, Inner<Path>, Side, B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    With<N, Gained<S, Inner<Path>, B>, E, R, X & Beside<X, Inner<Path>, Side, B>, Name, B>,
    NoSuchNode | DuplicatePath
  > =>
    edited(self, path, { kind: side, next: asNode(next) })

/**
 * Puts a step or a pipeline before the node at a path. What it adds is in the state of the whole pipeline's end, where
 * the path is not deeper in it. Before one of several parallel branches is before them all.
 */
export const insertBefore = inserted("before")

/** Puts a step or a pipeline after the node at a path, as {@link insertBefore} does before it. */
export const insertAfter = inserted("after")

/**
 * Takes the node at a path away, with all below it. It does not compile where another node needs what it alone adds;
 * what it added is gone from the state.
 */
export const remove =
  <const Path extends string>(path: Path) =>
  <N, S, E, R, X extends Removable<X, Inner<Path>>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Result.Result<
    Pipeline<N, Without<S, Fresh<X, Inner<Path>>>, E, R, LeftWithout<X, Inner<Path>>, Name>,
    NoSuchNode | DuplicatePath
  > =>
    edited(self, path, { kind: "remove" })
