import { Effect, FileSystem } from "effect"
import { dirname } from "node:path"
import { StoreFailed } from "./RegistryError.ts"

/** Checks that a store's folder, or its nearest existing parent, is writable. Writes nothing. */
export const checkWritable = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  let nearest = directory
  while (nearest !== dirname(nearest) && !(yield* Effect.orElseSucceed(fs.exists(nearest), () => true))) {
    nearest = dirname(nearest)
  }
  yield* Effect.mapError(
    fs.access(nearest, { writable: true, readable: true }),
    (reason) => new StoreFailed({ directory, reason })
  )
  return directory
})
