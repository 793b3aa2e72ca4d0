import { Clock, Effect, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { AuditEntry, mergeAudit } from "../layers/lock/Entry.ts"
import { readAudit } from "../layers/lock/marks.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"

/** What `jiji audit` begins with. */
export interface AuditInput {
  readonly project: Project
  /** How many entries to read at most, the newest. */
  readonly count: number
  /** The time of the oldest entry, in milliseconds since 1970. */
  readonly since?: number
}

/** Why a server could not be asked. */
const Failure = Schema.Struct({ server: Schema.String, message: Schema.String, remedy: Schema.String })

/** The entries of all servers, and the servers that could not be asked. */
const Report = Schema.Struct({ entries: Schema.Array(AuditEntry), failures: Schema.Array(Failure) })
type Report = typeof Report.Type

interface Answered {
  readonly name: string
  readonly lines: ReadonlyArray<string>
  readonly failure?: typeof Failure.Type
}

/** Reads the audit of a server. Never fails: the answer says why the server cannot be asked. */
const read = Step.make(
  "read",
  Effect.fnUntraced(function* ({ count, project, server, since }: AuditInput & { readonly server: Server }) {
    const { name } = server
    // An entry has two lines, and those of several runs may be mixed.
    const lines = since === undefined ? Math.min(count * 2 + 100, 100_000) : 100_000
    const answered = yield* readAudit(server, project.name, lines).pipe(
      Effect.map((lines): Answered => ({ name, lines })),
      Effect.catch(({ message, remedy }) =>
        Effect.succeed<Answered>({ name, lines: [], failure: { server: name, message, remedy } })
      )
    )
    return { answered }
  })
)

const merge = Step.make(
  "merge",
  Effect.fnUntraced(function* ({
    answers,
    count,
    since = 0
  }: AuditInput & { readonly answers: ReadonlyArray<Answered> }) {
    const now = yield* Clock.currentTimeMillis
    const entries = mergeAudit(answers, now).filter(({ at }) => at >= since)
    const report: Report = {
      entries: count === 0 ? [] : entries.slice(-count),
      failures: answers.flatMap(({ failure }) => (failure === undefined ? [] : [failure]))
    }
    return report
  }),
  { result: Report }
)

/** What `jiji audit` runs: it asks all servers at the same time, and merges what they have. */
export const audit = Pipeline.make<AuditInput>("audit").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: AuditInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<AuditInput & { readonly server: Server }>("server").pipe(Pipeline.step(read)),
    collect: { as: "answers", value: ({ answered }) => answered }
  }),
  Pipeline.step(merge)
)
