import { Effect, Option, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./kept.sh" with { type: "text" }

/** A container that holds a version of a service for `jiji rollback`. It never starts. */
export interface KeptContainer {
  readonly id: string
  readonly name: string
  readonly imageId: string
  /** All of its labels. Anyone who may start containers on the server can write them. */
  readonly labels: Readonly<Record<string, string>>
}

const Line = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.String,
    name: Schema.String,
    image: Schema.String,
    labels: Schema.NullOr(Schema.Record(Schema.String, Schema.String))
  })
)
const decodeLine = Schema.decodeUnknownOption(Line)

/** podman prints ids without the algorithm. */
const withAlgorithm = (id: string): string => (id.startsWith("sha256:") ? id : `sha256:${id}`)

/** Makes a kept container of what an engine says of it. */
export const keptContainer = (found: {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>> | null
}): KeptContainer => ({
  id: found.id,
  name: found.name.replace(/^\//, ""),
  imageId: withAlgorithm(found.image),
  labels: found.labels ?? {}
})

/** Skips lines that are no kept container, so that one of them does not hide the versions in the others. */
const decodeKept = (stdout: string): ReadonlyArray<KeptContainer> =>
  stdout.split("\n").flatMap((line) => Option.toArray(Option.map(decodeLine(line), keptContainer)))

/** Creates, removes and lists the containers that hold a project's versions. The words are ids. */
export const kept = defineScript({
  name: "kept",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    doing: Schema.Literals(["list", "add", "drop"]),
    /** The name of the container to add. */
    name: Schema.String,
    /** The id of its image. */
    image: Schema.String
  },
  answer: (stdout) => Effect.succeed(decodeKept(stdout)),
  usual: () => "",
  byHand: ({ doing, engine, image, name, project }, words) => {
    if (doing === "add") {
      const labels = ["--label", `jiji.kept=${project}`]
      return [[engine, "create", "--name", name, "--network", "none", ...labels, image, "kept"]]
    }
    if (doing === "drop") return [[engine, "rm", ...words]]
    return [[engine, "ps", "--all", "--filter", `label=jiji.kept=${project}`]]
  }
})
