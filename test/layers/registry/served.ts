import { Effect } from "effect"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, folder, image, layer, registryIn } = Fixtures

/** A registry with one image in it, served. */
export const served = Effect.gen(function* () {
  const directory = yield* folder
  const registry = yield* registryIn(directory)
  const one = image(yield* Effect.all([layer(3_000_000), layer(700)]))
  const stored = yield* registry.add({
    imageId: one.id,
    repository: "shop/web",
    tag: "v1",
    archive: archive(docker20(one))
  })
  const counted: Array<readonly [number, string]> = []
  const { port } = yield* registry.serve({ port: 0, onServed: (bytes, digest) => counted.push([bytes, digest]) })
  const url = `http://127.0.0.1:${port}`
  const get = (path: string, init: RequestInit = {}) => Effect.promise(() => fetch(`${url}${path}`, init))
  const [bytes = new Uint8Array()] = one.layers
  const [first = { digest: "", size: 0 }] = stored.layers
  return {
    directory,
    registry,
    one,
    stored,
    counted,
    port,
    url,
    get,
    bytes,
    blob: `/v2/shop/web/blobs/${first.digest}`,
    first
  }
})

export const bodyOf = (response: Response) => Effect.promise(() => response.bytes())
export const codeOf = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.json()),
    // The body is JSON of the specification's shape, or the comparison fails.
    (body) => (body as { errors: ReadonlyArray<{ code: string }> }).errors[0]?.code
  )
