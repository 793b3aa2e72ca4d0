// Takes the image in the archive on stdin into the registry in a folder, as a process of its own that a test can kill.
import { Effect, Stream } from "effect"
import { registryIn } from "./fixtures.ts"

const [directory = "", imageId = ""] = process.argv.slice(2)

await Effect.gen(function* () {
  const registry = yield* registryIn(directory)
  const archive = Stream.fromReadableStream({
    evaluate: () => Bun.stdin.stream(),
    onError: (cause) => cause
  })
  const stored = yield* registry.add({ imageId, repository: "web", tag: "v1", archive })
  process.stdout.write(JSON.stringify(stored))
}).pipe(Effect.scoped, Effect.runPromise)
