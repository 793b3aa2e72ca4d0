import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import { parseLookOutput } from "../facts.ts"
import names from "../../docker/names.sh" with { type: "text" }
import text from "./look.sh" with { type: "text" }

/** Prints facts about a machine. The answer is a text if it makes no sense. */
export const look = defineScript({
  name: "look",
  text: `${names}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** Whether no other engine counts. */
    only: Flag
  },
  answer: (stdout) => Effect.succeed(parseLookOutput(stdout)),
  usual: ({ engine }, { architecture }) => `began 0\nended 0\nprocessor ${architecture}\nengine ${engine} 0\n`
})
