import { Duration, type Effect } from "effect"
import type { Limit } from "../processes/Command.ts"

/** For a short question to an engine, or to a registry through it. `jiji doctor` asks with the same limit as a deploy. */
export const answerLimit = (engine: string, operation = "answer"): Limit => ({
  after: "60 seconds",
  noteAfter: "10 seconds",
  waitingFor: `${engine} to ${operation}`,
  program: engine
})

/** For a login that the engine keeps: the user may have to unlock a keychain. */
export const loginLimit = (engine: string, operation: string): Limit => ({
  after: "3 minutes",
  noteAfter: "10 seconds",
  waitingFor: `${engine} to ${operation}`,
  program: engine
})

/** For a transfer of an image, which may take hours as long as something moves. `progress` counts what else moves. */
export const transferLimit = (engine: string, operation: string, progress?: Effect.Effect<number>): Limit => ({
  after: "10 minutes",
  counts: "silence",
  noteAfter: "30 seconds",
  waitingFor: `${engine} to ${operation}`,
  program: engine,
  ...(progress !== undefined && { progress })
})

/** For saving an image: docker prepares the whole archive before it writes the first byte. */
export const saveLimit = (engine: string, name: string): Limit => ({
  ...transferLimit(engine, `save ${name}`),
  after: "30 minutes"
})

/** For a build, whose steps may say nothing for long. */
export const buildLimit = (engine: string, service: string): Limit => ({
  after: "1 hour",
  counts: "silence",
  noteAfter: "1 minute",
  waitingFor: `${engine} to build ${service}`,
  program: engine
})

/**
 * For `replace.sh`: its waits for the locks of the container and, with podman, of the images; a trial and the new container,
 * which get `runningFor` and `timeout` each; `drain`; and what the engine needs to stop and to remove containers.
 */
export const replaceLimit = (
  engine: string,
  service: string,
  health: { readonly runningFor: Duration.Duration; readonly timeout: Duration.Duration },
  /** How long the requests of the old container may take to end. */
  drain: Duration.Duration = Duration.zero
): Limit => {
  const healthy = Duration.sum(health.runningFor, health.timeout)
  const locks = Duration.seconds(engine === "podman" ? 630 : 600)
  return {
    after: Duration.sum(Duration.sum(locks, Duration.times(healthy, 2)), Duration.sum(drain, Duration.minutes(5))),
    // It waits that long for a container to become healthy.
    noteAfter: Duration.sum(Duration.sum(healthy, drain), Duration.seconds(10)),
    // A frozen engine must not go unnoticed for that long.
    askEvery: "30 seconds",
    waitingFor: `${engine} to replace the container of ${service}`,
    program: engine
  }
}
