import type { Cause } from "effect"
import type { FailureRecord } from "../core/Event.ts"

/** An item, and its name in paths: `web1` in `deploy/servers[web1]`. */
interface OfItem<Item> {
  readonly item: Item
  readonly key: string
}

/** The item's pipeline succeeded. `value` is what was collected of it. */
export interface Succeeded<Item, V> extends OfItem<Item> {
  readonly _tag: "Succeeded"
  readonly value: V
}
/** The item's pipeline succeeded, and was undone because another item failed. */
export interface Undone<Item, V> extends OfItem<Item> {
  readonly _tag: "Undone"
  readonly value: V
}
/** The item's pipeline failed. `failures` has the messages of the errors in `cause`. */
export interface Failed<Item, E> extends OfItem<Item> {
  readonly _tag: "Failed"
  readonly cause: Cause.Cause<E>
  readonly failures: ReadonlyArray<FailureRecord>
}
/** The item was skipped because of what it waits for. */
export interface Skipped<Item> extends OfItem<Item> {
  readonly _tag: "Skipped"
  readonly reason: string
}
/** The item was not started because another one failed. */
export interface NotStarted<Item> extends OfItem<Item> {
  readonly _tag: "NotStarted"
  readonly reason: string
}

/** How an item of a forEach ended. */
export type Outcome<Item, V, E> =
  | Succeeded<Item, V>
  | Undone<Item, V>
  | Failed<Item, E>
  | Skipped<Item>
  | NotStarted<Item>
