import { ConfigProvider, Duration, Effect, Exit, Layer, Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpExporter, OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { CommandRun } from "../../layers/shell/tracedShell.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import { countingMetrics } from "../../reporters/otlp/metrics.ts"
import type { Endpoint, Settings } from "../../reporters/otlp/settings.ts"
import { Spans } from "../../reporters/otlp/Spans.ts"

/** How long the last of it may take: less than a run waits for its followers. */
const limit = Duration.millis(1500)

const encoding = ({ protocol }: Endpoint) =>
  protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf

/** What is told of a run as a whole, and what jiji calls itself. */
export interface About {
  readonly project: string
  readonly environment?: string
  /** jiji's own. */
  readonly version: string
}

/**
 * Sends the spans and metrics of a run to a collector, and nothing else depends on whether it is there, answers or takes
 * its time. `take` gives the commands that have ended since it was last asked.
 */
export const follower =
  (settings: Settings, { environment, project, version }: About, take: () => ReadonlyArray<CommandRun>): Follower =>
  (run) =>
    Effect.gen(function* () {
      const about = { project, ...(environment !== undefined && { environment }) }
      const scopes = { traces: yield* Scope.make(), metrics: yield* Scope.make() }
      const options = (endpoint: Endpoint) => ({
        url: endpoint.url,
        headers: endpoint.headers,
        shutdownTimeout: limit,
        resource: { serviceName: settings.serviceName, serviceVersion: version, attributes: settings.attributes }
      })
      const tracer =
        settings.traces === undefined
          ? undefined
          : yield* OtlpTracer.make(options(settings.traces)).pipe(
              Effect.provide(encoding(settings.traces)),
              Effect.provideService(Scope.Scope, scopes.traces)
            )
      const count = countingMetrics(about)
      if (settings.metrics !== undefined) {
        yield* OtlpMetrics.make(options(settings.metrics)).pipe(
          Effect.provide(encoding(settings.metrics)),
          Effect.provideService(Scope.Scope, scopes.metrics)
        )
      }
      const attributes = Object.fromEntries(Object.entries(about).map(([key, value]) => [`jiji.${key}`, value]))
      const spans = tracer === undefined ? undefined : new Spans(tracer, settings.parent, attributes)
      const each = (event: Event) => {
        // A command ends before its step does, so that it is there when that is told.
        if (spans !== undefined) {
          for (const ran of take()) spans.command(ran)
          spans.event(event)
        }
        return settings.metrics === undefined ? Effect.void : count(event)
      }
      const close = Effect.forEach([scopes.traces, scopes.metrics], (scope) => Scope.close(scope, Exit.void), {
        concurrency: 2
      })
      yield* run.pipe(Stream.takeUntil(isEnd), Stream.runForEach(each), Effect.ensuring(close))
    }).pipe(
      Effect.provide(Layer.merge(FetchHttpClient.layer, OtlpExporter.layerFlusher)),
      // Headers may hold a key, which is for the collector that was named and for no other.
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      // The variables are read already, and in a way that never fails.
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({})),
      // Whatever it is, it is no fault of the run.
      Effect.ignoreCause
    )
