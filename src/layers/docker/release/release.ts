import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import files from "../files.sh" with { type: "text" }
import { withFolder } from "../files.ts"
import lock from "../lock.sh" with { type: "text" }
import own from "../own.sh" with { type: "text" }
import secrets from "../secrets.sh" with { type: "text" }
import text from "./release.sh" with { type: "text" }

const args = {
  engine: Schema.Literals(["docker", "podman"]),
  /** The container's name. */
  name: Schema.NonEmptyString,
  project: Schema.NonEmptyString,
  service: Schema.NonEmptyString,
  /** The seconds that the command may take. */
  limit: Schema.FiniteFromString,
  /** The name of the folder for the container's files, and their permissions, as in `replace.sh`. Empty if there are none. */
  mounts: Schema.String,
  modes: Schema.String,
  /** False to only remove what an earlier release has left. */
  run: Flag
}

/**
 * Runs the release command of a service in a container of its own. The words are those of `create`. JIJI_NAMES lists the
 * secrets of the container, and JIJI_SECRET_0 and so on hold their values.
 */
export const release = defineScript({
  name: "release",
  text: `${own}${lock}${files}${secrets}${text}`,
  args,
  answer: () => Effect.void,
  usual: () => "",
  byHand: ({ engine, mounts, name, run }, words) => [
    ...(run
      ? [
          [engine, "create", "--name", name, ...withFolder(words, mounts, name)],
          [engine, "start", "--attach", name]
        ]
      : []),
    [engine, "rm", "--force", "--volumes", name]
  ]
})
