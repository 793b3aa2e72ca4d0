import { Data, Effect, Schema } from "effect"
import * as ImageReference from "../../../config/ImageReference.ts"
import type { Server } from "../../../config/Project.ts"
import type { Amount } from "../../../core/Progress.ts"
import { readLines } from "../../processes/output.ts"
import type { Shell } from "../../shell/Shell.ts"
import { decodeApiContainer, decodeApiImage } from "../inspect.ts"
import { messageReader, TransferMessage } from "../transfer.ts"
import * as http from "./http.ts"

/** jiji cannot use an engine's API, and uses its command-line client instead. */
export class ApiUnusable extends Data.TaggedClass("ApiUnusable")<{ readonly reason: string }> {}

const Version = Schema.Struct({
  Version: Schema.String,
  ApiVersion: Schema.String,
  MinAPIVersion: Schema.optionalKey(Schema.String),
  Components: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ Name: Schema.String }))))
})

const ListedContainer = Schema.Struct({ Id: Schema.String })
const ListedImage = Schema.Struct({
  Id: Schema.String,
  /** In seconds since 1970. */
  Created: Schema.Finite,
  RepoTags: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  RepoDigests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

const decodeVersion = Schema.decodeUnknownEffect(Schema.fromJsonString(Version))
const decodeListed = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(ListedContainer)))
const decodeImages = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(ListedImage)))
const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(TransferMessage))

/** The versions of the API that jiji knows: those of docker 20.10 to 28. */
const oldest = "1.41"
const newest = "1.51"

const compare = (a: string, b: string): number => {
  const [major = 0, minor = 0] = a.split(".").map(Number)
  const [otherMajor = 0, otherMinor = 0] = b.split(".").map(Number)
  return major - otherMajor || minor - otherMinor
}

/** The version to speak with an engine. */
const negotiate = ({
  ApiVersion,
  Components,
  MinAPIVersion = oldest
}: typeof Version.Type): Effect.Effect<string, ApiUnusable> => {
  if (Components?.some(({ Name }) => /podman/i.test(Name)) === true)
    return Effect.fail(new ApiUnusable({ reason: "the socket belongs to podman" }))
  if (![ApiVersion, MinAPIVersion].every((version) => /^\d{1,4}\.\d{1,4}$/.test(version)))
    return Effect.fail(new ApiUnusable({ reason: "docker does not say which versions of its API it has" }))
  const version = compare(ApiVersion, newest) > 0 ? newest : ApiVersion
  if (compare(version, oldest) < 0)
    return Effect.fail(new ApiUnusable({ reason: `its API ${ApiVersion} is older than ${oldest}` }))
  if (compare(version, MinAPIVersion) < 0)
    return Effect.fail(new ApiUnusable({ reason: `its API is newer than ${newest}` }))
  return Effect.succeed(version)
}

/** The credentials of a pull, as docker's API expects them. */
const authHeader = (credentials: { readonly server: string; readonly username: string; readonly password: string }) =>
  Buffer.from(
    JSON.stringify({
      serveraddress: credentials.server,
      username: credentials.username,
      password: credentials.password
    })
  ).toString("base64url")

/**
 * Connects to docker's API on a server, through a Unix socket there. Fails with `ApiUnusable` if it speaks no version that
 * jiji knows. The scope closes the connection.
 */
export const connect = Effect.fnUntraced(function* (shell: Shell["Service"], server: Server, socket: string) {
  const api = yield* http.make(shell.dial(server, socket))
  const {
    ApiVersion,
    Version: version,
    ...rest
  } = yield* Effect.flatMap(api.text({ method: "GET", path: "/version" }), decodeVersion)
  const apiVersion = yield* negotiate({ ApiVersion, Version: version, ...rest })
  const base = `/v${apiVersion}`

  const container = (id: string) =>
    api.text({ method: "GET", path: `${base}/containers/${encodeURIComponent(id)}/json` }).pipe(
      Effect.flatMap(decodeApiContainer),
      Effect.map((found) => [found]),
      // It was removed meanwhile.
      Effect.catchIf(
        (error) => error._tag === "ApiRefused" && error.status === 404,
        () => Effect.succeed([])
      )
    )

  const image = (name: string) =>
    Effect.flatMap(api.text({ method: "GET", path: `${base}/images/${name}/json` }), decodeApiImage)

  return {
    /** The engine's own version, such as `20.10.24`. */
    version,
    /** The version of the API that both sides know, such as `1.41`. */
    apiVersion,
    ping: Effect.asVoid(api.text({ method: "GET", path: "/_ping" })),
    /** The containers of a project, running or not. */
    containers: (project: string) =>
      Effect.gen(function* () {
        const filters = JSON.stringify({ label: [`jiji.project=${project}`] })
        const json = yield* api.text({
          method: "GET",
          path: `${base}/containers/json`,
          query: { all: "true", filters }
        })
        const listed = yield* decodeListed(json)
        return (yield* Effect.forEach(listed, ({ Id }) => container(Id), { concurrency: "unbounded" })).flat()
      }),
    image,
    /** Pulls an image. Calls `report` with what was transferred, and `onLines` with what else the engine says. */
    pull: (options: {
      readonly reference: ImageReference.ImageReference
      readonly credentials?: { readonly server: string; readonly username: string; readonly password: string }
      readonly report: (amount: Amount) => void
      readonly onMessage: () => void
      readonly onLines: (lines: ReadonlyArray<string>) => Effect.Effect<void>
    }) => {
      const { credentials, onLines, onMessage, reference, report } = options
      const { digest, tag = "latest" } = reference
      const read = messageReader(report)
      let refusal: http.ApiRefused | undefined
      const onLine = (line: string) => {
        onMessage()
        const message = decodeMessage(line)
        if (message._tag === "None") return line.trim() === "" ? undefined : line
        const { error } = message.value
        if (error === undefined) return read(message.value)
        refusal ??= new http.ApiRefused({ status: 200, message: error })
        return undefined
      }
      const request: http.ApiRequest = {
        method: "POST",
        path: `${base}/images/create`,
        query: { fromImage: ImageReference.repositoryOf(reference), tag: digest ?? tag },
        ...(credentials !== undefined && { headers: { "x-registry-auth": authHeader(credentials) } })
      }
      return api.read(request, (bytes) =>
        Effect.flatMap(readLines(bytes, onLines, onLine), () =>
          refusal === undefined ? Effect.void : Effect.fail(refusal)
        )
      )
    },
    /** Gives an image another name. */
    tag: (name: string, as: ImageReference.ImageReference) => {
      const query = { repo: ImageReference.repositoryOf(as), tag: as.tag ?? "latest" }
      return Effect.asVoid(api.text({ method: "POST", path: `${base}/images/${name}/tag`, query }))
    },
    /** Removes a name of an image, and the image with its last name. */
    removeImage: (name: string) => Effect.asVoid(api.text({ method: "DELETE", path: `${base}/images/${name}` })),
    /** The images of a repository, newest first, each with its names in that repository. */
    images: (repository: string) =>
      Effect.map(
        Effect.flatMap(
          api.text({
            method: "GET",
            path: `${base}/images/json`,
            query: { filters: JSON.stringify({ reference: [repository] }) }
          }),
          decodeImages
        ),
        (all) =>
          all
            .toSorted((a, b) => b.Created - a.Created)
            .map(({ Id, RepoDigests, RepoTags }) => ({
              id: Id,
              names: [...(RepoTags ?? []), ...(RepoDigests ?? [])].filter(
                (name) => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`)
              )
            }))
      )
  }
})

/** Requests to docker's API on one server. */
export type EngineApi = Effect.Success<ReturnType<typeof connect>>
