import { Context, Effect, Option, Redacted, Result, Schema } from "effect"
import { StoredResultUnreadable } from "../PipelineError.ts"

/** What a run has stored about a node, so that a later process can go on with the run. */
export const Entry = Schema.Union([
  /** A step has completed. `result` is JSON. */
  Schema.TaggedStruct("Succeeded", { result: Schema.Unknown }),
  Schema.TaggedStruct("Skipped", { reason: Schema.String, result: Schema.Unknown }),
  /** A pipeline is in its nth attempt. */
  Schema.TaggedStruct("Attempt", { attempt: Schema.Int }),
  /** A step waits until a time in epoch milliseconds, or without a limit. */
  Schema.TaggedStruct("Waiting", { until: Schema.optionalKey(Schema.Int) })
])
export type Entry = typeof Entry.Type

/** The entry of a completed step. */
export type Completed = Extract<Entry, { readonly result: unknown }>

/** A signal that somebody has sent to a run. */
export interface Signal {
  readonly value: unknown
  readonly by: string
}

/**
 * Where a run stores which steps have completed, by the path of the node. What an earlier process of the run has stored is
 * in memory, so reading is synchronous. Writing never fails: a run goes on if it cannot be resumed later.
 */
export interface Journal {
  /** The ID of the run that this one continues. */
  readonly resumes?: string
  read(path: string): Entry | undefined
  /** Stores an entry before it returns. The journal itself must leave out entries with secrets. */
  write(path: string, entry: Entry): Effect.Effect<void>
  /** Removes the entries of a node and of the nodes in it, before it returns. */
  forget(path: string): Effect.Effect<void>
  /** Waits for the next signal with this name. Undefined if nobody can send one. */
  signal(path: string, name: string): Effect.Effect<Signal | undefined>
  /** How a person sends a signal to this run. */
  howToSignal(name: string): string
  /** Whether waits end at once. */
  readonly isDryRun?: true
}

/** Opens the journal of a run when it starts. Undefined if runs keep no journal. Runs that steps start never have one. */
export const OpenJournal = Context.Reference<
  ((run: { readonly id: string; readonly pipeline: string }) => Effect.Effect<Journal>) | undefined
>("jiji/pipeline/interpreter/OpenJournal", { defaultValue: () => undefined })

/** The journal of the run that the current fiber belongs to, if it keeps one. */
export const CurrentJournal = Context.Reference<Journal | undefined>("jiji/pipeline/interpreter/CurrentJournal", {
  defaultValue: () => undefined
})

/** Runs an effect, if the current run keeps a journal. */
export const withJournal = (use: (journal: Journal) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(CurrentJournal, (journal) => (journal === undefined ? Effect.void : use(journal)))

const jsonCodecs = new WeakMap<object, Schema.Codec<unknown, Schema.Json>>()

/** The schema of a result in JSON. An event can hold more, such as a Date. */
const jsonCodec = (schema: Schema.Codec<unknown, unknown>): Schema.Codec<unknown, Schema.Json> => {
  const known = jsonCodecs.get(schema)
  if (known !== undefined) return known
  const codec = Schema.toCodecJson(schema)
  jsonCodecs.set(schema, codec)
  return codec
}

/** Whether a value contains something that must not be shown. */
const holdsRedacted = (value: unknown, seen: Set<object> = new Set()): boolean => {
  if (typeof value !== "object" || value === null || seen.has(value)) return false
  if (Redacted.isRedacted(value)) return true
  seen.add(value)
  const inner = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value)
  return inner.some((each) => holdsRedacted(each, seen))
}

/** Encodes what a completed step has added. None if it must not be stored, or cannot be. */
export const toEntry = (
  schema: Schema.Codec<unknown, unknown>,
  adds: unknown,
  skipped: string | undefined
): Option.Option<Completed> => {
  // JSON has no form for secrets: they would be stored as text.
  if (holdsRedacted(adds)) return Option.none()
  return Option.map(Result.getSuccess(Schema.encodeUnknownResult(jsonCodec(schema))(adds)), (result) =>
    skipped === undefined ? { _tag: "Succeeded", result } : { _tag: "Skipped", reason: skipped, result }
  )
}

/** Decodes what a completed step has added. Dies with {@link StoredResultUnreadable} if its schema has changed. */
export const fromEntry = (
  schema: Schema.Codec<unknown, unknown>,
  { result }: Completed,
  path: string
): Effect.Effect<unknown> =>
  Result.match(Schema.decodeUnknownResult(jsonCodec(schema))(result), {
    onSuccess: Effect.succeed,
    onFailure: ({ message }) => Effect.die(new StoredResultUnreadable({ path, reason: message }))
  })
