import { Option, Schema } from "effect"
import { createHash } from "node:crypto"
import type { TriggerSource } from "../../config/Trigger.ts"
import { matchEnds } from "../../config/wildcard.ts"
import type { HookRequest, HookSource } from "./signatures.ts"

/** Something that happened, and that a trigger may be waiting for. */
export interface Occurrence {
  /** The same for every delivery of the same thing. */
  readonly key: string
  /** What jiji found in it, for references such as `$commit`. */
  readonly values: Readonly<Record<string, string>>
  /** What was sent, for references such as `$.after`. */
  readonly payload: unknown
}

/** What a request says. */
export type Reading =
  | { readonly _tag: "Happened"; readonly occurrences: ReadonlyArray<Occurrence> }
  | { readonly _tag: "Ignored"; readonly reason: string }
  | { readonly _tag: "Malformed"; readonly reason: string }

const optional = Schema.optionalKey
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{40,64}$/))

/** The fields that GitHub, GitLab, Gitea and Forgejo have in common, each under its own names. */
const Push = Schema.Struct({
  ref: Schema.String,
  after: Hash,
  checkout_sha: optional(Schema.NullOr(Hash)),
  head_commit: optional(Schema.NullOr(Schema.Struct({ id: Hash }))),
  repository: optional(Schema.Struct({ full_name: optional(Schema.String) })),
  project: optional(Schema.Struct({ path_with_namespace: optional(Schema.String) })),
  sender: optional(Schema.Struct({ login: optional(Schema.String) })),
  user_username: optional(Schema.NullOr(Schema.String))
})

const DockerHubPush = Schema.Struct({
  push_data: Schema.Struct({ tag: Schema.String, pusher: optional(Schema.String) }),
  repository: Schema.Struct({ repo_name: Schema.String })
})

const RegistryEvent = Schema.Struct({
  id: Schema.String,
  action: Schema.String,
  target: Schema.Struct({ repository: Schema.String, tag: optional(Schema.String), digest: optional(Schema.String) })
})
const Envelope = Schema.Struct({ events: Schema.Array(Schema.Unknown) })

const decodePush = Schema.decodeUnknownOption(Push)
const decodeDockerHub = Schema.decodeUnknownOption(DockerHubPush)
const decodeEnvelope = Schema.decodeUnknownOption(Envelope)
const decodeEvent = Schema.decodeUnknownOption(RegistryEvent)

const hash = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex")

/** A record without the entries that are undefined or empty. */
const present = (values: Readonly<Record<string, string | null | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "")
  )

const happened = (...occurrences: ReadonlyArray<Occurrence>): Reading => ({ _tag: "Happened", occurrences })
const ignored = (reason: string): Reading => ({ _tag: "Ignored", reason })
const malformed = (reason: string): Reading => ({ _tag: "Malformed", reason })

const readPush = (payload: unknown, key: string): Reading => {
  const push = Option.getOrUndefined(decodePush(payload))
  if (push === undefined) return malformed("its body is not that of a push: it has no ref and after")
  const { after, checkout_sha, head_commit, project, ref, repository, sender, user_username } = push
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1]
  const tag = /^refs\/tags\/(.+)$/.exec(ref)?.[1]
  // git's own commands refuse such a name. Another program would take it for a flag.
  if ((branch ?? tag)?.startsWith("-") === true) return malformed(`${ref} begins with -`)
  if (/^0+$/.test(after)) return ignored(`${branch ?? tag ?? ref} was deleted`)
  const values = present({
    branch,
    tag,
    // `after` of an annotated tag is not a commit.
    commit: head_commit?.id ?? checkout_sha ?? after,
    repository: repository?.full_name ?? project?.path_with_namespace,
    sender: sender?.login ?? user_username
  })
  return happened({ key, values, payload })
}

/** Whoever knows this URL can answer Docker Hub. */
const withoutCallback = (payload: unknown): unknown =>
  typeof payload === "object" && payload !== null
    ? Object.fromEntries(Object.entries(payload).filter(([key]) => key !== "callback_url"))
    : payload

const readDockerHub = (payload: unknown, key: string): Reading => {
  const push = Option.getOrUndefined(decodeDockerHub(payload))
  if (push === undefined)
    return malformed("its body is not that of Docker Hub: it has no push_data.tag and repository.repo_name")
  const { push_data, repository } = push
  return happened({
    key,
    values: present({ image: repository.repo_name, tag: push_data.tag, sender: push_data.pusher }),
    payload: withoutCallback(payload)
  })
}

/** Of a push, only the event of its tag counts. Layers and untagged manifests have events of their own. */
const readRegistry = (payload: unknown): Reading => {
  const envelope = Option.getOrUndefined(decodeEnvelope(payload))
  if (envelope === undefined) return malformed("its body is not that of a registry: it has no events")
  return happened(
    ...envelope.events.flatMap((event) => {
      const decoded = Option.getOrUndefined(decodeEvent(event))
      if (decoded === undefined || decoded.action !== "push" || decoded.target.tag === undefined) return []
      const { digest, repository, tag } = decoded.target
      return [{ key: decoded.id, values: present({ image: repository, tag, digest }), payload: event }]
    })
  )
}

/** The event header of a push, as each sender has it. */
const pushEvents = {
  GitHub: { header: "x-github-event", names: ["push"] },
  Gitea: { header: "x-gitea-event", names: ["push"] },
  GitLab: { header: "x-gitlab-event", names: ["Push Hook", "Tag Push Hook"] }
} as const

/**
 * What stays the same when GitLab sends a delivery again. With a signature only what it covers counts. GitHub and Gitea sign
 * the body alone, so the body decides there, and not the header with the delivery's ID.
 */
const gitLabKey = (headers: HookRequest["headers"]): string | undefined =>
  headers["webhook-signature"] === undefined
    ? (headers["idempotency-key"] ?? headers["x-gitlab-event-uuid"])
    : headers["webhook-id"]

/** Reads a request that is genuine. */
export const readRequest = (source: HookSource, { body, headers }: HookRequest, payload: unknown): Reading => {
  switch (source._tag) {
    case "GitHub":
    case "Gitea":
    case "GitLab": {
      const { header, names } = pushEvents[source._tag]
      const event = headers[header] ?? (source._tag === "Gitea" ? headers["x-forgejo-event"] : undefined)
      if (event === undefined) return malformed(`it has no header ${header}`)
      if (!names.some((name) => name === event)) return ignored(`it is not a push, but ${event}`)
      return readPush(payload, (source._tag === "GitLab" ? gitLabKey(headers) : undefined) ?? hash(body))
    }
    case "DockerHub":
      return readDockerHub(payload, hash(body))
    case "Registry":
      return readRegistry(payload)
    case "Webhook": {
      const id = headers["webhook-id"] ?? ""
      return happened({ key: id, values: { id }, payload })
    }
  }
}

/** The ID by which a sender lists a delivery, for people who compare both lists. */
export const deliveryId = (source: HookSource, { headers }: HookRequest): string | undefined => {
  const names = {
    GitHub: "x-github-delivery",
    Gitea: "x-gitea-delivery",
    GitLab: "x-gitlab-event-uuid",
    Webhook: "webhook-id",
    DockerHub: "",
    Registry: ""
  } as const
  return headers[names[source._tag]]?.slice(0, 200)
}

const matchesOne = (patterns: ReadonlyArray<string>, text: string): boolean =>
  patterns.some((pattern) => matchEnds(pattern, text, "/").includes(text.length))

/** Why a trigger does not want an occurrence of its source. */
export const ignoreReason = (source: TriggerSource, values: Occurrence["values"]): string | undefined => {
  const { branch, image, tag } = values
  switch (source._tag) {
    case "GitHub":
    case "GitLab":
    case "Gitea": {
      if (branch !== undefined) {
        return matchesOne(source.branches, branch) ? undefined : `the branch ${branch} does not match`
      }
      if (tag === undefined) return "it is a push of neither a branch nor a tag"
      return matchesOne(source.tags, tag) ? undefined : `the tag ${tag} does not match`
    }
    case "DockerHub":
    case "Registry":
      if (source.image !== undefined && !matchesOne(source.image, image ?? ""))
        return `the image ${image} does not match`
      return source.tags === undefined || matchesOne(source.tags, tag ?? "")
        ? undefined
        : `the tag ${tag} does not match`
    default:
      return undefined
  }
}
