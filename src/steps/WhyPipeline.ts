import { Effect, Option, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import { joinWords } from "../core/text.ts"
import type { InspectedContainer } from "../layers/docker/inspect.ts"
import { Git } from "../layers/git/Git.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import { readDefinition } from "./definition.ts"
import { replicaOf } from "./Plan.ts"

/** Where a container comes from. What is absent, the container does not say: an older jiji started it. */
export const Origin = Schema.Struct({
  server: Schema.String,
  container: Schema.String,
  version: Schema.String,
  /** The digest of its image. */
  digest: Schema.String,
  /** The run that started the container, who, and when in ISO 8601. */
  run: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  at: Schema.optionalKey(Schema.String),
  /** The commit that was deployed, and the first line of its message if git has it here. */
  commit: Schema.optionalKey(Schema.String),
  subject: Schema.optionalKey(Schema.String),
  /** What differed from the container before, such as `environment: LOG`. Empty if there was none. */
  because: Schema.optionalKey(Schema.Array(Schema.String)),
  /** If a rollback started the container: the run that was the first to deploy this version, who, and when. */
  deployed: Schema.optionalKey(Schema.Struct({ run: Schema.String, by: Schema.String, at: Schema.String }))
})
export type Origin = typeof Origin.Type

/** What `jiji why` begins with. */
export interface WhyInput {
  /** Only the service, and its servers. */
  readonly project: Project
}

/** No container of a service is on any server. */
export class NotDeployed extends defineError<NotDeployed>()("NotDeployed", {
  fields: { service: Schema.String, servers: Schema.Array(Schema.String) },
  message: (e) => `${e.service} has no container on ${joinWords(e.servers, "or")}.`,
  remedy: "Deploy it with `jiji deploy`, or see with `jiji ps` what runs.",
  exitCode: "failed",
  sample: { service: "web", servers: ["web1", "web2"] }
}) {}

const decodeBecause = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))

const originOf = (server: string, container: InspectedContainer): Origin => {
  const { about, because, by, commit, digest, name, run, version } = container
  const reasons = because === undefined ? undefined : Option.getOrUndefined(decodeBecause(because))
  const deployed = readDefinition(container)?.definition.deployed
  return {
    server,
    container: name,
    version,
    digest,
    ...(run !== undefined && { run }),
    ...(by !== undefined && { by }),
    ...(about?.created !== undefined && { at: about.created }),
    ...(commit !== undefined && { commit }),
    ...(reasons !== undefined && { because: reasons }),
    ...(deployed !== undefined &&
      deployed.run !== run && { deployed: { run: deployed.run, by: deployed.by, at: deployed.at } })
  }
}

const look = Step.make(
  "look",
  Effect.fnUntraced(function* ({ project, server }: WhyInput & { readonly server: Server }) {
    const { connected } = yield* Connect.find(project, server)
    const containers = connected.engine.containers.filter((each) =>
      project.services.some(
        (service) => service.name === each.service && replicaOf(project, service, each) !== undefined
      )
    )
    const origins: ReadonlyArray<Origin> = containers.map((container) => originOf(server.name, container))
    return { origins }
  }),
  { result: Schema.Struct({ origins: Schema.Array(Origin) }) }
)

type Looked = WhyInput & { readonly found: ReadonlyArray<ReadonlyArray<Origin>> }

/** Adds the messages of the commits. */
const explain = Step.make(
  "commits",
  Effect.fnUntraced(function* ({ found, project }: Looked) {
    const git = yield* Git
    const commits = new Set(found.flat().flatMap(({ commit }) => commit ?? []))
    const subjects = new Map<string, string>()
    for (const commit of commits) {
      const subject = yield* Effect.orElseSucceed(git.subject(project.root, commit), Option.none<string>)
      if (Option.isSome(subject)) subjects.set(commit, subject.value)
    }
    const origins = found.flat().map((origin): Origin => {
      const subject = origin.commit === undefined ? undefined : subjects.get(origin.commit)
      return subject === undefined ? origin : { ...origin, subject }
    })
    return { origins }
  })
)

/** What `jiji why` runs: it asks all servers at the same time. */
export const why = Pipeline.make<WhyInput>("why").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: WhyInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<WhyInput & { readonly server: Server }>("server").pipe(Pipeline.step(look)),
    collect: { as: "found", value: ({ origins }) => origins }
  }),
  Pipeline.step(explain)
)
