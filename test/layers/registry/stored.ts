import { readdirSync } from "node:fs"
import { Effect } from "effect"
import * as Fixtures from "./fixtures.ts"

const { image, layer, sha256 } = Fixtures

export const naming = (imageId: string) => ({ imageId, repository: "shop-web", tag: "v1" })
export const blobs = (directory: string) => readdirSync(`${directory}/blobs/sha256`).sort()
export const blobPath = (directory: string, bytes: Uint8Array) => `${directory}/blobs/sha256/${sha256(bytes)}`

/** An image of three layers, one of them larger than the pieces in which files are written. */
export const sample = Effect.map(Effect.all([layer(3_000_000), layer(700), layer(20_000)]), image)
