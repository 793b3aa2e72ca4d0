import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./registry.sh" with { type: "text" }

const decodeDid = Schema.decodeUnknownEffect(Schema.Literals(["running", "started", "created"]))

/** What it did; or the conflict: jiji did not make the container, or it made it for another port. */
type Answer =
  | { readonly did: "running" | "started" | "created" }
  | { readonly conflict: "foreign" }
  | { readonly conflict: "port"; readonly port: number }

const decodeAnswer = (stdout: string): Effect.Effect<Answer, Schema.SchemaError> => {
  const [word = "", other = ""] = stdout.trim().split(" ")
  if (word === "foreign") return Effect.succeed({ conflict: "foreign" })
  if (word === "other") return Effect.succeed({ conflict: "port", port: Number(other) })
  return Effect.map(decodeDid(word), (did) => ({ did }))
}

/** Makes sure that a registry container runs on this machine. */
export const registry = defineScript({
  name: "registry",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** The container's name. */
    name: Schema.NonEmptyString,
    /** The port on this machine. */
    port: Schema.FiniteFromString,
    image: Schema.NonEmptyString
  },
  answer: decodeAnswer,
  usual: () => "created",
  byHand: ({ engine, image, name, port }) => [
    [engine, "create", "--name", name, "--restart", "unless-stopped", "--publish", `127.0.0.1:${port}:5000`, image],
    [engine, "start", name]
  ]
})
