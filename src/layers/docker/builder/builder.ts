import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./builder.sh" with { type: "text" }

/**
 * What builds images: docker's plugin buildx, docker's client alone with BuildKit (until version 22) or without it, or
 * podman.
 */
const Kind = Schema.Literals(["buildx", "buildkit", "plain", "podman"])

const Found = Schema.Tuple([Kind, Schema.NonEmptyString, Schema.Literals(["found", "unset", "lost"])])

const decode = Schema.decodeUnknownEffect(Found)

/** What builds images on a machine. */
export interface Builder {
  readonly kind: typeof Kind.Type
  /** The version of the engine's client. */
  readonly version: string
  /** Whether SSH_AUTH_SOCK leads to an SSH agent, is not set, or leads to no socket. */
  readonly agent: "found" | "unset" | "lost"
}

/** Finds out what builds images on a machine. */
export const builder = defineScript({
  name: "builder",
  text,
  args: { engine: Schema.Literals(["docker", "podman"]) },
  answer: (stdout) =>
    Effect.map(decode(stdout.trim().split(" ")), ([kind, version, agent]): Builder => ({ kind, version, agent })),
  usual: ({ engine }) => (engine === "podman" ? "podman 5.4.2 found" : "buildx 28.3.0 found"),
  byHand: ({ engine }) => [engine === "podman" ? [engine, "--version"] : [engine, "buildx", "version"]]
})
