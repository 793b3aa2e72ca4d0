import { Context, Effect, Layer } from "effect"
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Docker } from "../../../../src/layers/docker/Docker.ts"
import { Processes } from "../../../../src/layers/processes/Processes.ts"
import { Shell } from "../../../../src/layers/shell/Shell.ts"
import { client, folder, serverOf, slowToGiveUp } from "../../ssh/fixture.ts"
import * as Sshd from "../../ssh/Sshd.ts"
import * as FakeApi from "./FakeApi.ts"

export interface OnServerOptions {
  readonly handler?: FakeApi.Handler
  /** Lines of sshd_config. */
  readonly sshd?: Readonly<Record<string, string>>
  /** The environment on the server, besides that of a server with a fake docker. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * jiji's way to a server that is a real sshd, with an engine's API that answers as a test says. Its `docker` is a program that
 * says it has version 9.9 and no containers, or fails with the text in the file `broken`.
 */
export const make = Effect.fnUntraced(function* ({ env, handler = FakeApi.docker(), sshd }: OnServerOptions = {}) {
  const dir = yield* folder
  const api = yield* FakeApi.make(join(dir, "docker.sock"), handler)
  mkdirSync(join(dir, "bin"))
  const program = join(dir, "bin/docker")
  writeFileSync(
    program,
    `#!/bin/sh
echo "$*" >>${dir}/client
if [ -e ${dir}/broken ]; then cat ${dir}/broken >&2; exit 1; fi
case $1 in version) echo 9.9 ;; esac
`
  )
  chmodSync(program, 0o755)
  chmodSync(dir, 0o755)
  const variables = {
    HOME: dir,
    PATH: `${join(dir, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin`,
    DOCKER_HOST: `unix://${api.path}`,
    XDG_RUNTIME_DIR: dir,
    ...env
  }
  const running = yield* Sshd.make({
    config: {
      SetEnv: Object.entries(variables)
        .map(([name, value]) => `"${name}=${value}"`)
        .join(" "),
      ...sshd
    }
  })
  const { context, events } = yield* client(slowToGiveUp)
  const built = yield* Layer.build(
    Docker.layer.pipe(
      Layer.provide(Shell.layer),
      Layer.provide(Layer.mock(Processes, {})),
      Layer.provide(Layer.succeedContext(context))
    )
  )
  /** Docker's file with its process id, which is new after a restart. */
  const restarted = (pid: number) => {
    writeFileSync(join(dir, "new"), `${pid}`)
    renameSync(join(dir, "new"), join(dir, "docker.pid"))
  }
  return { api, dir, docker: Context.get(built, Docker), events, restarted, server: serverOf(running), sshd: running }
})

/** What jiji finds on such a server. */
export const probe = ({ docker, server }: Effect.Success<ReturnType<typeof make>>) =>
  docker.probe(server, "docker", "shop")
