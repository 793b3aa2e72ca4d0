import { Effect, type Option, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { decodeImage, type InspectedImage } from "../inspect.ts"
import text from "./name.sh" with { type: "text" }

/** Gives an image another name, if the machine has it. Without a name, only finds it. */
export const name = defineScript({
  name: "name",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    from: Schema.NonEmptyString,
    to: Schema.String
  },
  answer: (stdout): Effect.Effect<Option.Option<InspectedImage>, Schema.SchemaError> =>
    stdout.trim() === "absent" ? Effect.succeedNone : Effect.asSome(decodeImage(stdout)),
  usual: () => "absent\n",
  byHand: ({ engine, from, to }) => [to === "" ? [engine, "image", "inspect", from] : [engine, "tag", from, to]]
})
