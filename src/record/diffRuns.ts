import { Effect, Option, Schema } from "effect"
import type { Event } from "../core/Event.ts"
import type { StoredRun } from "./read.ts"
import { buildTree, type TreeNode } from "./tree.ts"

/** What the step that replaces a container records. */
const Result = Schema.Struct({
  deployed: Schema.Struct({
    service: Schema.String,
    server: Schema.String,
    version: Schema.String,
    digest: Schema.String,
    outcome: Schema.String,
    // Runs that older versions of jiji recorded do not have it.
    because: Schema.Array(Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
  })
})
type Deployed = (typeof Result.Type)["deployed"]

const decode = Schema.decodeUnknownOption(Result)

const deployedIn = (events: ReadonlyArray<Event>): ReadonlyArray<Deployed> =>
  events.flatMap((event) =>
    event._tag === "StepSucceeded" || event._tag === "StepSkipped"
      ? Option.toArray(decode(event.result)).map(({ deployed }) => deployed)
      : []
  )

/** A run and its events. */
export interface RecordedRun {
  readonly run: StoredRun
  readonly events: ReadonlyArray<Event>
}

/** A value of the first run and of the second one. Absent where a run has none. */
interface Both<A> {
  readonly from?: A
  readonly to?: A
}

/** What a run put on a server. */
export interface Shipped {
  readonly version: string
  readonly digest: string
  readonly outcome: string
}

/** What differs between two runs. Lists have only what differs. */
export interface RunDiff {
  readonly runs: { readonly from: StoredRun; readonly to: StoredRun }
  readonly servers: { readonly added: ReadonlyArray<string>; readonly removed: ReadonlyArray<string> }
  readonly services: ReadonlyArray<{ readonly service: string; readonly server: string } & Both<Shipped>>
  /** What changed in the services' configurations, such as `environment: LOG`: names, and no values. */
  readonly configuration: ReadonlyArray<{ readonly service: string; readonly changed: ReadonlyArray<string> }>
  /** What failed in one of the runs only. */
  readonly failures: ReadonlyArray<{ readonly path: string } & Both<string>>
  /** The steps whose time differs most, the largest difference first. In milliseconds. */
  readonly times: ReadonlyArray<{ readonly path: string } & Both<number>>
}

const both = <A>(from: A | undefined, to: A | undefined): Both<A> => ({
  ...(from !== undefined && { from }),
  ...(to !== undefined && { to })
})

const keysOf = <A>(a: ReadonlyMap<string, A>, b: ReadonlyMap<string, A>) => [...new Set([...a.keys(), ...b.keys()])]

const failuresIn = (nodes: Iterable<TreeNode>): ReadonlyMap<string, string> =>
  new Map(
    [...nodes]
      .filter(({ failures, kind, outcome }) => outcome === "failed" && failures.length > 0 && kind === "step")
      .map(({ failures, path }) => [path, failures.map(({ message }) => message).join(" ")])
  )

const timesIn = (nodes: Iterable<TreeNode>): ReadonlyMap<string, number> =>
  new Map(
    [...nodes].flatMap(({ began, ended, kind, path }) =>
      ended === undefined || kind !== "step" ? [] : [[path, ended - began] as const]
    )
  )

/** Differences below this are noise. */
const leastMillis = 1000
const maxTimes = 10

/** Compares two runs. `between` are the events of the runs after the older one, up to the newer one. */
export const diffRuns = (from: RecordedRun, to: RecordedRun, between: ReadonlyArray<Event>): RunDiff => {
  const place = ({ server, service }: Deployed) => `${service} ${server}`
  const [before, after] = [from, to].map(({ events }) => new Map(deployedIn(events).map((each) => [place(each), each])))
  const shipped = (deployed: Deployed | undefined): Shipped | undefined =>
    deployed === undefined
      ? undefined
      : { version: deployed.version, digest: deployed.digest, outcome: deployed.outcome }
  const services = keysOf(before ?? new Map(), after ?? new Map()).flatMap((key) => {
    const [first, second] = [before?.get(key), after?.get(key)]
    const either = first ?? second
    if (either === undefined) return []
    const isSame = first?.version === second?.version && first?.digest === second?.digest
    return isSame ? [] : [{ service: either.service, server: either.server, ...both(shipped(first), shipped(second)) }]
  })
  const changed = new Map<string, ReadonlySet<string>>()
  for (const { because, service } of deployedIn(between)) {
    // Images are compared above.
    const names = because.filter((each) => !each.startsWith("image "))
    if (names.length > 0) changed.set(service, new Set([...(changed.get(service) ?? []), ...names]))
  }
  const [first, second] = [from, to].map(({ events, run }) => [...buildTree(events, run.servers).nodes.values()])
  const [failedBefore, failedAfter] = [failuresIn(first ?? []), failuresIn(second ?? [])]
  const [timesBefore, timesAfter] = [timesIn(first ?? []), timesIn(second ?? [])]
  const difference = (path: string) => Math.abs((timesBefore.get(path) ?? 0) - (timesAfter.get(path) ?? 0))
  return {
    runs: { from: from.run, to: to.run },
    servers: {
      added: to.run.servers.filter((name) => !from.run.servers.includes(name)),
      removed: from.run.servers.filter((name) => !to.run.servers.includes(name))
    },
    services,
    configuration: [...changed].map(([service, names]) => ({ service, changed: [...names].toSorted() })),
    failures: keysOf(failedBefore, failedAfter)
      .filter((path) => failedBefore.get(path) !== failedAfter.get(path))
      .map((path) => ({ path, ...both(failedBefore.get(path), failedAfter.get(path)) })),
    times: keysOf(timesBefore, timesAfter)
      .filter((path) => difference(path) >= leastMillis)
      .toSorted((a, b) => difference(b) - difference(a))
      .slice(0, maxTimes)
      .map((path) => ({ path, ...both(timesBefore.get(path), timesAfter.get(path)) }))
  }
}
