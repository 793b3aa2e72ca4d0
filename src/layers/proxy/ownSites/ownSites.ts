import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { ProjectSites } from "../sites.ts"
import text from "./ownSites.sh" with { type: "text" }

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(ProjectSites))

/** Reads only a project's own sites: one short command, which needs no earlier answer of the server. */
export const ownSites = defineScript({
  name: "proxy-sites",
  text,
  args: {
    /** The engine to use if it is installed. */
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString
  },
  answer: (stdout) => Effect.succeed(decode(stdout)),
  usual: () => "",
  byHand: ({ engine, project }) => [[engine, "exec", "jiji-proxy", "cat", `/jiji/sites/${project}.json`]]
})
