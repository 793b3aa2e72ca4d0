import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import lock from "../lock.sh" with { type: "text" }
import text from "./remove.sh" with { type: "text" }

/** What was removed of a service. */
export interface Removed {
  readonly containers: ReadonlyArray<string>
  /** The names of the images that the containers ran, which are still there. */
  readonly images: ReadonlyArray<string>
  readonly volumes: ReadonlyArray<string>
  /** The volumes that are still there. */
  readonly keptVolumes: ReadonlyArray<string>
  /** The project's network, if it went with its last container. */
  readonly networks: ReadonlyArray<string>
}

const answer = (stdout: string): Removed => {
  const lines = stdout.split("\n").map((line) => line.split(" "))
  const named = (kind: string) => [
    ...new Set(lines.flatMap(([word, name]) => (word === kind && name !== undefined ? [name] : [])))
  ]
  return {
    containers: named("container"),
    images: named("image"),
    volumes: named("removed-volume"),
    keptVolumes: named("kept-volume"),
    networks: named("network")
  }
}

/** Removes the containers of a service. The words are its volumes. JIJI_RUN says who removes it. */
export const remove = defineScript({
  name: "remove",
  text: `${lock}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    service: Schema.NonEmptyString,
    /** Whether to remove the volumes, too. */
    volumes: Flag
  },
  answer: (stdout) => Effect.succeed(answer(stdout)),
  usual: ({ project, service, volumes }, _machine, words) =>
    [
      `container ${project}-${service}`,
      ...words.map((volume) => `${volumes ? "removed" : "kept"}-volume ${volume}`)
    ].join("\n"),
  byHand: ({ engine, project, service, volumes }, words) => {
    const name = `${project}-${service}`
    return [
      [engine, "stop", name],
      [engine, "rm", name],
      ...(volumes ? words.map((volume) => [engine, "volume", "rm", volume]) : [])
    ]
  }
})
