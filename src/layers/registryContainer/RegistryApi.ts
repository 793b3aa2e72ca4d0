import { Effect, Schema } from "effect"
import { digestOf, isDigest } from "../registry/Digest.ts"
import { fetchLocal } from "../registry/Loopback.ts"
import { accepted } from "../registry/Manifest.ts"
import * as Probe from "../registry/Probe.ts"

/** An image in a registry. */
export interface StoredName {
  readonly repository: string
  readonly digest: string
}

/** The registry did not do what jiji asked it. */
export class RegistryRequestFailed extends Error {
  readonly _tag = "RegistryRequestFailed"
}

/** What jiji asks a registry on a port of this machine, beside the engine's pushes. */
export interface RegistryApi {
  /** Whether it answers and needs no login. */
  readonly isReady: (port: number) => Effect.Effect<boolean>
  /** Also gives an image these tags in another repository. The registry does not copy its blobs. */
  readonly addTags: (
    port: number,
    image: StoredName,
    repository: string,
    tags: ReadonlyArray<string>
  ) => Effect.Effect<void, RegistryRequestFailed>
  /** Finds the image's manifests and blobs that are missing or have other bytes than their digests promise. */
  readonly findDamaged: (port: number, image: StoredName) => Effect.Effect<ReadonlyArray<string>, RegistryRequestFailed>
}

const Part = Schema.Struct({ digest: Schema.String, urls: Schema.optionalKey(Schema.Array(Schema.String)) })
type Part = typeof Part.Type

/** A manifest, or an index of manifests. Docker's and OCI's have the same shape. */
const Manifest = Schema.Struct({
  config: Schema.optionalKey(Part),
  layers: Schema.optionalKey(Schema.Array(Part)),
  manifests: Schema.optionalKey(Schema.Array(Part))
})
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Manifest))

/** The blobs of a manifest. Some layers of Windows are not in the registry, but at another address. */
const blobsOf = ({ config, layers }: typeof Manifest.Type): ReadonlyArray<string> => {
  const parts: ReadonlyArray<Part> = [...(config === undefined ? [] : [config]), ...(layers ?? [])]
  return [...new Set(parts.filter(({ urls }) => urls === undefined).map(({ digest }) => digest))]
}

/** A gigabyte is hashed in seconds. */
const timeout = "10 minutes"

/** Runs requests to a registry. */
const asking = <A>(port: number, ask: (send: Send) => Promise<A>): Effect.Effect<A, RegistryRequestFailed> =>
  Effect.tryPromise({
    try: (signal) =>
      ask((method, path, init = {}) => fetchLocal(`http://127.0.0.1:${port}/v2/${path}`, { ...init, method, signal })),
    catch: (error) => new RegistryRequestFailed(error instanceof Error ? error.message : String(error))
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new RegistryRequestFailed(`it did not answer within ${timeout}`))
    })
  )

type Send = (method: string, path: string, init?: Pick<RequestInit, "body" | "headers">) => Promise<Response>

const getManifest = (send: Send, { digest, repository }: StoredName) =>
  send("GET", `${repository}/manifests/${digest}`, { headers: { Accept: accepted } })

/** Sends a request that must have this status. */
const expect = async (status: number, what: string, response: Promise<Response>): Promise<Response> => {
  const got = await response
  if (got.status === status) return got
  throw new Error(`${what}: HTTP ${got.status} ${(await got.text()).slice(0, 200)}`.trim())
}

const addTags = async (send: Send, image: StoredName, repository: string, tags: ReadonlyArray<string>) => {
  const response = await expect(200, `cannot read the manifest ${image.digest}`, getManifest(send, image))
  const type = response.headers.get("Content-Type") ?? ""
  const body = await response.text()
  const manifest = decode(body)
  for (const { digest } of manifest.manifests ?? []) await addTags(send, { ...image, digest }, repository, [digest])
  for (const blob of blobsOf(manifest)) {
    const path = `${repository}/blobs/uploads/?mount=${blob}&from=${image.repository}`
    await expect(201, `cannot mount ${blob}`, send("POST", path))
  }
  for (const tag of tags) {
    const put = send("PUT", `${repository}/manifests/${tag}`, { body, headers: { "Content-Type": type } })
    await expect(201, `cannot tag ${repository}:${tag}`, put)
  }
}

const hash = async (response: Response): Promise<string> => {
  const hasher = new Bun.CryptoHasher("sha256")
  for await (const chunk of response.body ?? []) hasher.update(chunk)
  return `sha256:${hasher.digest("hex")}`
}

const isDamaged = async (response: Response, digest: string): Promise<boolean> => {
  try {
    return (await hash(response)) !== digest || response.status !== 200
  } catch {
    // The file is shorter than the registry promised.
    return true
  }
}

const findDamaged = async (send: Send, image: StoredName): Promise<ReadonlyArray<string>> => {
  const response = await getManifest(send, image)
  const bytes = await response.bytes()
  if (response.status !== 200 || digestOf(bytes) !== image.digest) return [image.digest]
  const manifest = decode(new TextDecoder().decode(bytes))
  const found: Array<string> = []
  for (const { digest } of manifest.manifests ?? []) found.push(...(await findDamaged(send, { ...image, digest })))
  for (const blob of blobsOf(manifest)) {
    if (await isDamaged(await send("GET", `${image.repository}/blobs/${blob}`), blob)) found.push(blob)
  }
  return found.filter(isDigest)
}

/** A real registry. */
export const live: RegistryApi = {
  isReady: (port) => Probe.isReady(`http://127.0.0.1:${port}`),
  addTags: (port, image, repository, tags) => asking(port, (send) => addTags(send, image, repository, tags)),
  findDamaged: (port, image) => asking(port, (send) => findDamaged(send, image))
}

/** A registry that has what it needs. For dry runs, in which no registry runs. */
export const none: RegistryApi = {
  isReady: () => Effect.succeed(true),
  addTags: () => Effect.void,
  findDamaged: () => Effect.succeed([])
}
