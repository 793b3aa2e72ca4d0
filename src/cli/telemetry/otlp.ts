import { ConfigProvider, Duration, Effect, Exit, Layer, Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpExporter, OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { CommandRun } from "../../layers/shell/tracedShell.ts"
import type { Event } from "../../core/Event.ts"
import { ownEvents } from "../../core/runEvents.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import { countingMetrics } from "../../reporters/otlp/metrics.ts"
import type { Endpoint, Settings } from "../../reporters/otlp/settings.ts"
import { Spans } from "../../reporters/otlp/Spans.ts"

/** How long the last export can take. Shorter than the time that a run waits for its followers. */
const shutdownTimeout = Duration.millis(1500)

const serialization = ({ protocol }: Endpoint) =>
  protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf

/** What is exported about the run as a whole. */
interface RunInfo {
  readonly project: string
  readonly environment?: string
  /** The version of jiji. */
  readonly version: string
}

/**
 * Exports the spans and metrics of a run. A collector that is slow, fails or does not exist never affects the run.
 * `takeCommands` returns the commands that ended since its last call.
 */
export const otlpFollower =
  (
    settings: Settings,
    { environment, project, version }: RunInfo,
    takeCommands: () => ReadonlyArray<CommandRun>
  ): Follower =>
  (run) =>
    Effect.gen(function* () {
      const labels = { project, ...(environment !== undefined && { environment }) }
      const scopes = { traces: yield* Scope.make(), metrics: yield* Scope.make() }
      const options = (endpoint: Endpoint) => ({
        url: endpoint.url,
        headers: endpoint.headers,
        shutdownTimeout,
        resource: { serviceName: settings.serviceName, serviceVersion: version, attributes: settings.attributes }
      })
      const tracer =
        settings.traces === undefined
          ? undefined
          : yield* OtlpTracer.make(options(settings.traces)).pipe(
              Effect.provide(serialization(settings.traces)),
              Effect.provideService(Scope.Scope, scopes.traces)
            )
      const count = countingMetrics(labels)
      if (settings.metrics !== undefined) {
        yield* OtlpMetrics.make(options(settings.metrics)).pipe(
          Effect.provide(serialization(settings.metrics)),
          Effect.provideService(Scope.Scope, scopes.metrics)
        )
      }
      const attributes = Object.fromEntries(Object.entries(labels).map(([key, value]) => [`jiji.${key}`, value]))
      const spans = tracer === undefined ? undefined : new Spans(tracer, settings.parent, attributes)
      const each = (event: Event) => {
        // A command ends before its step does, so its span is added before the step's end.
        if (spans !== undefined) {
          for (const command of takeCommands()) spans.command(command)
          spans.event(event)
        }
        return settings.metrics === undefined ? Effect.void : count(event)
      }
      const close = Effect.forEach([scopes.traces, scopes.metrics], (scope) => Scope.close(scope, Exit.void), {
        concurrency: 2
      })
      yield* ownEvents(run).pipe(Stream.runForEach(each), Effect.ensuring(close))
    }).pipe(
      Effect.provide(Layer.merge(FetchHttpClient.layer, OtlpExporter.layerFlusher)),
      // Headers may contain a key, which must not follow a redirect to another host.
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      // `settings` has read the variables, and unlike effect it never fails on them.
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))
    )
