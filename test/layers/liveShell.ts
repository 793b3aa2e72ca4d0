import { Context, Duration, Effect, Layer, Stream } from "effect"
import { Secrets } from "../../src/layers/secrets/Secrets.ts"
import { Processes } from "../../src/layers/processes/Processes.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import { type SshSettings as Settings, SshSettings } from "../../src/layers/ssh/Settings.ts"
import { Ssh } from "../../src/layers/ssh/Ssh.ts"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { folder } from "./ssh/fixture.ts"

/** The live shell over an SSH client with its own home folder, and the events that they publish. */
export const makeLiveShell = Effect.fnUntraced(function* (stopTimeout: Duration.Duration) {
  const home = yield* folder
  const settings: Settings = { ...(yield* SshSettings), agent: undefined, home, stopTimeout }
  const layer = Shell.layer.pipe(
    Layer.provide(Ssh.layer),
    Layer.provide(Layer.succeed(SshSettings, settings)),
    Layer.provide(Secrets.layer({ root: home, env: {} })),
    Layer.provideMerge(Processes.layer),
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(Scrubber.layer),
    Layer.provide(Platform.layer)
  )
  const context = yield* Layer.build(layer)
  const events: Array<Event> = []
  const stream = yield* Context.get(context, Events).subscribe
  yield* Effect.forkScoped(Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))))
  return {
    processes: Context.get(context, Processes),
    shell: Context.get(context, Shell),
    scrubber: Context.get(context, Scrubber),
    events,
    home
  }
})

/** Commands get longer to end than they need on the busiest machine. */
export const liveShell = makeLiveShell(Duration.seconds(30))
