import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Client } from "ssh2"
import { it } from "../support/effect.ts"
import { builtIn, folder } from "../layers/ssh/fixture.ts"
import { untilEffect } from "../support/waiting.ts"

describe("the built-in SSH server", () => {
  it.live("closes the stdin of a command when its client disappears", () =>
    Effect.gen(function* () {
      const { running } = yield* builtIn()
      const dir = yield* folder
      const file = (name: string) => join(dir, name)
      const client = new Client()
      // In a session of its own: the server kills only the processes in its own group.
      const line = `setsid sh -c 'trap "" HUP; echo > ${file("started")}; cat; echo > ${file("closed")}'`
      client.on("error", () => {})
      client.on("ready", () => client.exec(line, (error) => expect(error).toBeUndefined()))
      client.connect({ ...running, username: running.user })
      yield* untilEffect(() => existsSync(file("started")))
      client.destroy()
      yield* untilEffect(() => existsSync(file("closed")))
    })
  )
})
