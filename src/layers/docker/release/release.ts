import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import text from "./release.sh" with { type: "text" }

const args = {
  engine: Schema.Literals(["docker", "podman"]),
  /** The container's name. */
  name: Schema.NonEmptyString,
  project: Schema.NonEmptyString,
  service: Schema.NonEmptyString,
  /** The seconds that the command may take. */
  limit: Schema.FiniteFromString,
  /** False to only remove what an earlier release has left. */
  run: Flag
}

/**
 * Runs the release command of a service in a container of its own. The words are those of `create`. JIJI_NAMES lists the
 * secrets of the container, and JIJI_SECRET_0 and so on hold their values.
 */
export const release = defineScript({
  name: "release",
  text,
  args,
  answer: () => Effect.void,
  usual: () => "",
  byHand: ({ engine, name, run }, words) => [
    ...(run
      ? [
          [engine, "create", "--name", name, ...words],
          [engine, "start", "--attach", name]
        ]
      : []),
    [engine, "rm", "--force", "--volumes", name]
  ]
})
