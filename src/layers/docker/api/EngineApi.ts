import { Data, Deferred, Effect, Option, Schema, Stream } from "effect"
import * as ImageReference from "../../../config/ImageReference.ts"
import type { Server } from "../../../config/Project.ts"
import type { Amount } from "../../../core/Progress.ts"
import { readLines } from "../../processes/output.ts"
import type { Shell } from "../../shell/Shell.ts"
import type { ClientReason } from "../clientReasons.ts"
import { decodeApiContainer, decodeApiImage } from "../inspect.ts"
import { keptContainer } from "../kept/kept.ts"
import { isSubnet } from "../network/addresses.ts"
import { type LogQuery, secondsOf } from "../logs/LogLine.ts"
import * as LogMessages from "../logs/messages.ts"
import { messageReader, TransferError, TransferMessage } from "../transfer.ts"
import { loginServer } from "../words.ts"
import * as http from "./http.ts"

/** jiji cannot use an engine's API, and uses its command-line client instead. */
export class ApiUnusable extends Data.TaggedClass("ApiUnusable")<{ readonly reason: ClientReason }> {}

const EngineVersion = Schema.Struct({
  Version: Schema.String,
  ApiVersion: Schema.String,
  MinAPIVersion: Schema.optionalKey(Schema.String),
  Components: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ Name: Schema.String }))))
})

const ListedContainer = Schema.Struct({
  Id: Schema.String,
  Names: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  Labels: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
  State: Schema.optionalKey(Schema.String),
  ImageID: Schema.optionalKey(Schema.String)
})
const ListedImage = Schema.Struct({
  Id: Schema.String,
  /** In seconds since 1970. */
  Created: Schema.Finite,
  RepoTags: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  RepoDigests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

const FoundNetwork = Schema.Struct({
  Labels: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
  IPAM: Schema.Struct({
    Config: Schema.NullOr(
      Schema.Array(
        Schema.Struct({ Subnet: Schema.optionalKey(Schema.String), IPRange: Schema.optionalKey(Schema.String) })
      )
    )
  })
})

const decodeVersion = Schema.decodeUnknownEffect(Schema.fromJsonString(EngineVersion))
const decodeListed = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(ListedContainer)))
const decodeImages = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(ListedImage)))
const decodeNetwork = Schema.decodeUnknownEffect(Schema.fromJsonString(FoundNetwork))
const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(TransferMessage))
const decodeError = Schema.decodeUnknownOption(Schema.fromJsonString(TransferError))

/** The error in a message about a pull. What jiji does not understand is one: it may be about a pull that failed. */
const errorIn = (line: string): http.ApiRefused | http.ApiGarbled | undefined =>
  Option.match(decodeError(line), {
    onNone: () => new http.ApiGarbled({ reason: "a message that is not JSON" }),
    onSome: ({ error, errorDetail }) => {
      if (error === undefined && errorDetail === undefined) return undefined
      const text = typeof error === "string" && error.trim() !== "" ? error : "it gave no reason"
      return new http.ApiRefused({ status: 200, message: text })
    }
  })

/** A login at a registry, for one pull. */
interface Login {
  readonly server: string
  readonly username: string
  readonly password: string
}

/** Which lines of a container's log to read. */
interface LogOptions extends Pick<LogQuery, "since" | "tail" | "until"> {
  readonly follow: boolean
}

/**
 * Docker sends each line by itself, as soon as it comes. What has arrived is read at once, then jiji waits if it was little: each
 * time costs as much as many lines do.
 */
const pause = "50 millis"
const enough = 16 * 1024

/** The versions of the API that jiji knows: those of docker 20.10 to 28. */
const oldest = "1.41"
const newest = "1.51"

/** A version is printed. It has no other characters than these. */
const printable = /^[0-9A-Za-z.+~-]{1,64}$/

const compare = (a: string, b: string): number => {
  const [major = 0, minor = 0] = a.split(".").map(Number)
  const [otherMajor = 0, otherMinor = 0] = b.split(".").map(Number)
  return major - otherMajor || minor - otherMinor
}

/** The version to speak with an engine. */
const negotiate = ({
  ApiVersion,
  Components,
  MinAPIVersion = oldest,
  Version
}: typeof EngineVersion.Type): Effect.Effect<string, ApiUnusable> => {
  if (Components?.some(({ Name }) => /podman/i.test(Name)) === true)
    return Effect.fail(new ApiUnusable({ reason: "podman" }))
  const areVersions = [ApiVersion, MinAPIVersion].every((version) => /^\d{1,4}\.\d{1,4}$/.test(version))
  if (!areVersions || !printable.test(Version)) return Effect.fail(new ApiUnusable({ reason: "answer" }))
  const version = compare(ApiVersion, newest) > 0 ? newest : ApiVersion
  if (compare(version, oldest) < 0) return Effect.fail(new ApiUnusable({ reason: "old" }))
  if (compare(version, MinAPIVersion) < 0) return Effect.fail(new ApiUnusable({ reason: "new" }))
  return Effect.succeed(version)
}

/**
 * The credentials of a pull, as docker's client sends them. Docker ignores them without the padding, which node's own
 * `base64url` leaves out.
 */
const authHeader = ({ password, server, username }: Login): string => {
  const registry = loginServer(server)
  const serveraddress = registry === "docker.io" ? "https://index.docker.io/v1/" : registry
  const base64 = Buffer.from(JSON.stringify({ username, password, serveraddress })).toString("base64")
  return base64.replaceAll("+", "-").replaceAll("/", "_")
}

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

  const listed = (project: string, label = "jiji.project") => {
    const filters = JSON.stringify({ label: [`${label}=${project}`] })
    const request = { method: "GET", path: `${base}/containers/json`, query: { all: "true", filters } } as const
    return Effect.flatMap(api.text(request), decodeListed)
  }

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
      Effect.flatMap(listed(project), (all) =>
        Effect.map(
          Effect.forEach(all, ({ Id }) => container(Id), { concurrency: "unbounded" }),
          (found) => found.flat()
        )
      ),
    /** The same, with what a list says of them. */
    list: (project: string) =>
      Effect.map(listed(project), (all) =>
        all.map(({ Id, Labels, Names, State }) => ({
          id: Id,
          name: Names?.[0]?.replace(/^\//, "") ?? "",
          service: Labels?.["jiji.service"] ?? "",
          running: State === "running"
        }))
      ),
    /** The containers that hold the versions of a project. */
    kept: (project: string) =>
      Effect.map(listed(project, "jiji.kept"), (all) =>
        all.map(({ Id, ImageID = "", Labels, Names }) =>
          keptContainer({ id: Id, name: Names?.[0] ?? "", image: ImageID, labels: Labels ?? {} })
        )
      ),
    /** Creates a container that never starts, unless there is one of this name. */
    keep: Effect.fnUntraced(function* ({
      imageId,
      labels,
      name
    }: {
      readonly name: string
      readonly imageId: string
      readonly labels: Readonly<Record<string, string>>
    }) {
      const { volumes = [] } = yield* image(imageId)
      const body = {
        Image: imageId,
        // An image may have no command, and then needs one.
        Cmd: ["kept"],
        Labels: labels,
        NetworkDisabled: true,
        HostConfig: {
          NetworkMode: "none",
          RestartPolicy: { Name: "no" },
          // Otherwise docker creates a volume for each of these.
          Tmpfs: Object.fromEntries(volumes.map((path) => [path, ""]))
        }
      }
      // The name makes it repeatable.
      const request = {
        method: "POST",
        path: `${base}/containers/create`,
        query: { name },
        body,
        isRepeatable: true
      } as const
      yield* api.text(request).pipe(
        Effect.asVoid,
        Effect.catchIf(
          (error) => error._tag === "ApiRefused" && error.status === 409,
          () => Effect.void
        )
      )
    }),
    /** Removes a container that keeps a version, and its volumes without a name. One that runs stays. */
    dropKept: (id: string) =>
      api
        .text({
          method: "DELETE",
          path: `${base}/containers/${encodeURIComponent(id)}`,
          query: { v: "true" }
        })
        .pipe(
          Effect.asVoid,
          Effect.catchIf(
            (error) => error._tag === "ApiRefused" && (error.status === 404 || error.status === 409),
            () => Effect.void
          )
        ),
    /** Reads the log of a container; with `follow`, until the container stops. */
    logs: (
      id: string,
      options: LogOptions,
      take: (lines: ReadonlyArray<LogMessages.Message>) => Effect.Effect<void>
    ) => {
      const { follow, since, tail, until } = options
      const query = {
        stdout: "1",
        stderr: "1",
        timestamps: "1",
        follow: follow ? "1" : "0",
        ...(tail !== undefined && { tail: `${tail}` }),
        ...(since !== undefined && { since: secondsOf(since) }),
        ...(until !== undefined && { until: secondsOf(until) })
      }
      const request = { method: "GET", path: `${base}/containers/${encodeURIComponent(id)}/logs`, query } as const
      const reading = api.read(
        request,
        (bytes) => {
          const read = LogMessages.reader()
          return Stream.runForEachArray(bytes, (pieces) => {
            const piece = Buffer.concat(pieces)
            const lines = read(piece)
            const taking = lines.length === 0 ? Effect.void : take(lines)
            return follow && piece.length < enough ? Effect.andThen(taking, Effect.sleep(pause)) : taking
          })
        },
        Number.POSITIVE_INFINITY
      )
      return Effect.catchIf(
        reading,
        // It was removed meanwhile, or is being removed.
        (error) => error._tag === "ApiRefused" && (error.status === 404 || error.status === 409),
        () => Effect.void
      )
    },
    image,
    /** The subnet of a project's network; undefined if there is no such network, or not one that jiji created. */
    subnet: (project: string, name: string) =>
      api.text({ method: "GET", path: `${base}/networks/${encodeURIComponent(name)}` }).pipe(
        Effect.flatMap(decodeNetwork),
        Effect.map(({ IPAM, Labels }) => {
          const found = IPAM.Config?.find(({ Subnet = "" }) => isSubnet(Subnet))
          return Labels?.["jiji.project"] === project && found?.IPRange !== undefined ? found.Subnet : undefined
        }),
        Effect.catchIf(
          (error) => error._tag === "ApiRefused" && error.status === 404,
          () => Effect.undefined
        )
      ),
    /** Pulls an image. Calls `report` with what was transferred, and `onLines` with what else the engine says. */
    pull: (options: {
      readonly reference: ImageReference.ImageReference
      readonly credentials?: Login
      readonly report: (amount: Amount) => void
      readonly onMessage: () => void
      readonly onLines: (lines: ReadonlyArray<string>) => Effect.Effect<void>
    }) => {
      const { credentials, onLines, onMessage, reference, report } = options
      const { digest, tag = "latest" } = reference
      const read = messageReader(report)
      const refused = Deferred.makeUnsafe<never, http.ApiRefused | http.ApiGarbled>()
      const onLine = (line: string) => {
        onMessage()
        if (line.trim() === "") return undefined
        const error = errorIn(line)
        if (error === undefined) return Option.match(decodeMessage(line), { onNone: () => line, onSome: read })
        Deferred.doneUnsafe(refused, Effect.fail(error))
        return undefined
      }
      const request: http.ApiRequest = {
        method: "POST",
        path: `${base}/images/create`,
        query: { fromImage: ImageReference.repositoryOf(reference), tag: digest ?? tag },
        ...(credentials !== undefined && { headers: { "x-registry-auth": authHeader(credentials) } })
      }
      const refusal = Deferred.await(refused)
      return api.read(request, (bytes) =>
        Effect.raceFirst(readLines(bytes, onLines, onLine), refusal).pipe(
          // The error may be the last line.
          Effect.andThen(() => (Deferred.isDoneUnsafe(refused) ? refusal : Effect.void))
        )
      )
    },
    /** Gives an image another name. */
    tag: (name: string, as: ImageReference.ImageReference) => {
      const query = { repo: ImageReference.repositoryOf(as), tag: as.tag ?? "latest" }
      return Effect.asVoid(api.text({ method: "POST", path: `${base}/images/${name}/tag`, query, isRepeatable: true }))
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
