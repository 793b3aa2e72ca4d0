import { Effect, Schema } from "effect"
import text from "./prune.sh" with { type: "text" }
import { defineScript, Flag } from "../../processes/Script.ts"
import type { Engine } from "../../../config/Project.ts"

export interface PruneOptions {
  readonly engine: Engine
  readonly project: string
  /** Whether to remove what was found. */
  readonly remove: boolean
  /** Repositories of the project's images, and how many images of each to keep. */
  readonly repositories: ReadonlyArray<{ readonly repository: string; readonly retain: number }>
  /** The names of containers that keep versions to which nobody needs to go back. */
  readonly surplus: ReadonlyArray<string>
  /** The names of the project's containers, and their services. */
  readonly containers: ReadonlyArray<{ readonly name: string; readonly service: string }>
}

/** What nothing refers to on a server. */
export interface Pruned {
  /** With their sizes in bytes. Images share layers, so together they may free less. */
  readonly images: ReadonlyArray<{ readonly name: string; readonly bytes: number }>
  readonly containers: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  /** By how many bytes the engine's file system had more room afterwards. Absent if nothing was to be removed. */
  readonly freed?: number
}

const answer = (stdout: string): Pruned => {
  const lines = stdout.split("\n").map((line) => line.split(" "))
  const named = (kind: string) => lines.flatMap(([word, ...rest]) => (word === kind ? [rest.join(" ")] : []))
  const [freed] = named("freed")
  return {
    images: lines.flatMap(([word, name = "", bytes]) =>
      word === "image" ? [{ name, bytes: Number(bytes) || 0 }] : []
    ),
    containers: named("container"),
    files: named("file"),
    ...(freed !== undefined && { freed: Number(freed) || 0 })
  }
}

/** Finds or removes what nothing refers to. */
export const prune = defineScript({
  name: "prune",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    remove: Flag
  },
  answer: (stdout) => Effect.succeed(answer(stdout)),
  usual: () => "",
  byHand: ({ engine, remove }, words) =>
    words.flatMap((word, index) =>
      words[index - 2] === "image" && index % 3 === 2
        ? [[engine, "image", "ls", word], ...(remove ? [[engine, "rmi", `${word}:OLD`]] : [])]
        : []
    )
})

/** The words for the script. */
export const pruneWords = ({ containers, repositories, surplus }: PruneOptions): ReadonlyArray<string> => [
  // First: they let go of their images.
  ...surplus.flatMap((name) => ["kept", name, "-"]),
  ...containers.flatMap(({ name, service }) => ["container", name, service]),
  ...repositories.flatMap(({ repository, retain }) => ["image", `${retain}`, repository])
]
