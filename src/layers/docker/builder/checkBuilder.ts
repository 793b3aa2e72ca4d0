import { Effect } from "effect"
import type { BuildSource, Engine } from "../../../config/Project.ts"
import { isTypedCache } from "../words.ts"
import { label, local, type Machine } from "../../shell/Machine.ts"
import type { Builder } from "./builder.ts"
import { BuildAgentMissing, BuilderUnable } from "./BuilderError.ts"

/** What is asked of a build. */
export interface Wanted {
  readonly engine: Engine
  readonly service: string
  readonly source: BuildSource
  readonly isOneOfSeveral?: boolean
  /** The machine that builds. Default: this machine. */
  readonly on?: Machine
}

/** The keys of `build` for which docker needs BuildKit. Podman knows them all. */
const buildKitKeys = ({ isOneOfSeveral, source }: Wanted): ReadonlyArray<string> => {
  const { cacheFrom = [], cacheTo = [], secrets = [], ssh } = source
  return [
    ...(isOneOfSeveral === true ? ["platforms"] : []),
    ...(cacheFrom.length > 0 ? ["cache_from"] : []),
    ...(cacheTo.length > 0 ? ["cache_to"] : []),
    ...(secrets.length > 0 ? ["secrets"] : []),
    ...(ssh === true ? ["ssh"] : [])
  ]
}

/** Whether `ENGINE build` may not be enough, so that it matters what builds. */
export const dependsOnBuilder = (wanted: Wanted): boolean => buildKitKeys(wanted).length > 0

/** The keys of which docker's client alone, with BuildKit, does not know the values. */
const buildxKeys = ({ cacheFrom = [], cacheTo = [] }: BuildSource): ReadonlyArray<string> => [
  ...(cacheFrom.some(isTypedCache) ? ["cache_from"] : []),
  ...(cacheTo.some((place) => place !== "type=inline") ? ["cache_to"] : [])
]

const cacheKeys = (
  { cacheFrom = [], cacheTo = [] }: BuildSource,
  isWrong: (places: ReadonlyArray<string>) => boolean
): ReadonlyArray<string> => [...(isWrong(cacheFrom) ? ["cache_from"] : []), ...(isWrong(cacheTo) ? ["cache_to"] : [])]

/** Podman 4.3 is the oldest that jiji works with. */
const isPodmanBefore44 = (version: string): boolean => /^4\.3(?:\D|$)/.test(version)

/** The keys that a builder cannot do, and what it lacks. */
const lackOf = ({ kind, version }: Builder, wanted: Wanted): Pick<BuilderUnable, "keys" | "lacks"> | undefined => {
  const { source } = wanted
  const lack = (lacks: BuilderUnable["lacks"], keys: ReadonlyArray<string>) =>
    keys.length === 0 ? undefined : { keys, lacks }
  switch (kind) {
    case "buildx":
      return undefined
    case "buildkit":
      return lack("buildx", buildxKeys(source))
    case "plain":
      return lack("buildkit", buildKitKeys(wanted))
    case "podman":
      return (
        lack(
          "names",
          cacheKeys(source, (places) => places.some(isTypedCache))
        ) ??
        (isPodmanBefore44(version)
          ? lack(
              "several",
              cacheKeys(source, ({ length }) => length > 1)
            )
          : undefined)
      )
  }
}

/** Checks that a builder can do what is asked of it, and that the build finds an SSH agent if it needs one. */
export const checkBuilder = Effect.fnUntraced(function* (wanted: Wanted, builder: Builder) {
  const { engine, on = local, service, source } = wanted
  const lack = lackOf(builder, wanted)
  if (lack !== undefined) {
    const machine = on._tag === "Local" ? {} : { machine: label(on) }
    return yield* new BuilderUnable({ service, engine, version: builder.version, ...machine, ...lack })
  }
  const { agent } = builder
  // A server that builds gets the agent of this machine.
  if (on._tag === "Local" && source.ssh === true && agent !== "found")
    return yield* new BuildAgentMissing({ service, agent })
})
