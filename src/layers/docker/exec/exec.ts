import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import hangUp from "../../shell/session/hangUp.sh" with { type: "text" }
import files from "../files.sh" with { type: "text" }
import secrets from "../secrets.sh" with { type: "text" }
import { withFolder } from "../files.ts"
import { simulatedDigest } from "../simulated.ts"
import text from "./exec.sh" with { type: "text" }

/**
 * Watches over a session in a container: see `runGuarded`. The words are those of `create`. JIJI_NAMES lists the secrets of a
 * fresh container, and JIJI_SECRET_0 and so on hold their values.
 */
export const exec = defineScript({
  name: "exec",
  text: `${hangUp}${files}${secrets}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** The id of the container. Empty for a fresh one. */
    container: Schema.String,
    /** Whether to create a container, and to remove it afterwards. */
    fresh: Flag,
    /** The name of a fresh container. */
    name: Schema.String,
    /** The value of JIJI_EXEC in the environment of the session's processes. */
    tag: Schema.NonEmptyString,
    /** Whether the session has a terminal. */
    terminal: Flag,
    /** The name of the folder for the container's files, and their permissions, as in `replace.sh`. Empty if there are none. */
    mounts: Schema.String,
    modes: Schema.String
  },
  answer: () => Effect.void,
  usual: ({ container, name }) => `ready ${container || simulatedDigest(name).slice(7, 19)}\n`,
  byHand: ({ engine, fresh, mounts, name }, words) =>
    fresh ? [[engine, "create", "--rm", "--name", name, ...withFolder(words, mounts, name)]] : []
})
