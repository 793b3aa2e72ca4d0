// Deploys the project in the current folder like `jiji deploy`, but gives up a server after two seconds of silence, not
// after three quarters of a minute. Prints the error and exits with its code.
import { join } from "node:path"
import { Duration, Effect, Exit, Layer } from "effect"
import { exitReport } from "../../src/cli/process/exit.ts"
import { load } from "../../src/config/load.ts"
import { Docker } from "../../src/layers/docker/Docker.ts"
import { Git } from "../../src/layers/git/Git.ts"
import { ServerProxy } from "../../src/layers/proxy/ServerProxy.ts"
import { LocalRegistry } from "../../src/layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "../../src/layers/registryContainer/RegistryContainer.ts"
import { Secrets } from "../../src/layers/secrets/Secrets.ts"
import { Processes } from "../../src/layers/processes/Processes.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import { Ssh } from "../../src/layers/ssh/Ssh.ts"
import { SshSettings } from "../../src/layers/ssh/Settings.ts"
import { Events } from "../../src/core/Events.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { plain } from "../../src/reporters/plain.ts"
import { feed } from "../../src/reporters/Reporter.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"

const root = process.cwd()
const settings = {
  ...Effect.runSync(Effect.service(SshSettings)),
  keepAlive: { interval: Duration.seconds(1), count: 2 }
}
const store = LocalRegistry.layer({ directory: join(process.env["HOME"] ?? root, ".local/share/jiji/registry") })
const live = Layer.mergeAll(Docker.layer, Git.layer, ServerProxy.layer, RegistryContainer.layer, store).pipe(
  Layer.provideMerge(Shell.layer),
  Layer.provideMerge(Ssh.layer.pipe(Layer.provide(Layer.succeed(SshSettings, settings)))),
  Layer.provideMerge(Secrets.layer({ root })),
  Layer.provideMerge(Processes.layer)
)

const program = Effect.gen(function* () {
  const project = yield* load({ cwd: root })
  const stream = yield* (yield* Events).subscribe
  const output = { write: (text: string) => void process.stdout.write(text), columns: 200, colors: false }
  yield* Effect.forkChild(feed(plain(output))(stream), { startImmediately: true })
  yield* run(deploy, { project }, live)
}).pipe(
  Effect.scoped,
  Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer), Layer.provideMerge(Platform.layer)))
)
const exit = await Effect.runPromiseExit(program)
if (Exit.isFailure(exit)) {
  const { code, text } = exitReport(exit.cause)
  process.stderr.write(text)
  process.exitCode = code
}
