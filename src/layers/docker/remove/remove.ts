import { Effect, Schema } from "effect"
import type { Engine } from "../../../config/Project.ts"
import type { Command } from "../../processes/Command.ts"
import { defineScript, Flag } from "../../processes/Script.ts"
import lock from "../lock.sh" with { type: "text" }
import own from "../own.sh" with { type: "text" }
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

/** What a rehearsal expects to be there: containers, and the project's network if they are its last ones. */
export interface Expected {
  readonly containers: ReadonlyArray<string>
  readonly network?: string
}

interface Values {
  readonly engine: Engine
  readonly project: string
  readonly service: string
  readonly volumes: boolean
}

const usual = ({ volumes }: Values, words: ReadonlyArray<string>, { containers, network }: Expected): string =>
  [
    ...containers.map((name) => `container ${name}`),
    ...words.map((volume) => `${volumes ? "removed" : "kept"}-volume ${volume}`),
    ...(network === undefined ? [] : [`network ${network}`])
  ].join("\n")

const byHand = (
  { engine, volumes }: Values,
  words: ReadonlyArray<string>,
  { containers, network }: Expected
): ReadonlyArray<ReadonlyArray<string>> => [
  [engine, "stop", ...containers],
  [engine, "rm", ...containers],
  ...(volumes ? words.map((volume) => [engine, "volume", "rm", volume]) : []),
  ...(network === undefined ? [] : [[engine, "network", "rm", network]])
]

/** Removes the containers of a service. The words are its volumes. JIJI_RUN says who removes it. */
export const remove = defineScript({
  name: "remove",
  text: `${own}${lock}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    service: Schema.NonEmptyString,
    /** Whether to remove the volumes, too. */
    volumes: Flag
  },
  answer: (stdout) => Effect.succeed(answer(stdout)),
  usual: (values, _machine, words) => usual(values, words, { containers: [`${values.project}-${values.service}`] }),
  byHand: (values, words) => byHand(values, words, { containers: [`${values.project}-${values.service}`] })
})

/** The same, with what a rehearsal expects to be there. */
export const removeCommand = (values: Values, words: ReadonlyArray<string>, expected?: Expected): Command => ({
  ...remove.command(values, words),
  ...(expected && { usual: () => usual(values, words, expected), byHand: byHand(values, words, expected) })
})
