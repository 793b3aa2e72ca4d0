import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./build.sh" with { type: "text" }

/** Builds an empty image and removes it. */
export const build = defineScript({
  name: "build",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** Such as `linux/arm64`. Empty for the engine's own. */
    platform: Schema.String,
    /** A unique word for the image's tag. */
    word: Schema.NonEmptyString
  },
  answer: () => Effect.void,
  usual: () => ""
})
