import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./tidy.sh" with { type: "text" }

/** Removes old images of a repository with the engine's client. */
export const tidy = defineScript({
  name: "tidy",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    repository: Schema.NonEmptyString,
    /** How many images to keep, the newest first. */
    retain: Schema.FiniteFromString
  },
  answer: () => Effect.void,
  usual: () => "",
  byHand: ({ engine, repository }) => [[engine, "image", "ls", repository]]
})
