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

/** By how much the seconds that a container gets to stop exceed the engines' default, for which other limits leave room. */
const longerStop = (seconds = 0): Duration.Duration => Duration.seconds(Math.max(0, seconds - 10))

/** For what `replace.sh` does when jiji stops it. */
export const cleanupLimit = (stopTimeout: number): Duration.Duration =>
  Duration.sum(Duration.seconds(30), longerStop(stopTimeout))

/**
 * For `replace.sh`: its waits for the locks of the container and, with podman, of the images; a trial and the new container,
 * which get `runningFor` and `timeout` each; `drain`, for which requests of the old container may take to end; what the engine
 * needs to stop and to remove containers; and the time that they get to stop, which may have to be waited for twice.
 */
export const replaceLimit = (
  engine: string,
  service: string,
  health: {
    readonly runningFor: Duration.Duration
    readonly timeout: Duration.Duration
    readonly stopTimeout?: number
    readonly drain?: Duration.Duration
  }
): Limit => {
  const { drain = Duration.zero } = health
  const healthy = Duration.sum(health.runningFor, health.timeout)
  const locks = Duration.seconds(engine === "podman" ? 630 : 600)
  return {
    after: [
      locks,
      Duration.times(healthy, 2),
      drain,
      Duration.minutes(5),
      Duration.times(longerStop(health.stopTimeout), 2)
    ].reduce(Duration.sum),
    // It waits that long for a container to become healthy.
    noteAfter: [healthy, drain, longerStop(health.stopTimeout), Duration.seconds(10)].reduce(Duration.sum),
    // A frozen engine must not go unnoticed for that long.
    askEvery: "30 seconds",
    waitingFor: `${engine} to replace the container of ${service}`,
    program: engine
  }
}

/** For `remove.sh`: its wait for the lock of the container, and what the engine needs to stop and to remove containers. */
export const removeLimit = (engine: string, service: string): Limit => ({
  after: "20 minutes",
  noteAfter: "30 seconds",
  // A frozen engine must not go unnoticed for that long.
  askEvery: "30 seconds",
  waitingFor: `${engine} to remove the containers of ${service}`,
  program: engine
})

/** For `release.sh`: its wait for the lock, the command's own limit, and what the engine needs to start and remove a container. */
export const releaseLimit = (engine: string, service: string, timeout: Duration.Duration): Limit => ({
  after: Duration.sum(Duration.seconds(600), Duration.sum(timeout, Duration.minutes(3))),
  noteAfter: "1 minute",
  // A frozen engine must not go unnoticed for that long.
  askEvery: "30 seconds",
  waitingFor: `the release command of ${service}`,
  program: engine
})
