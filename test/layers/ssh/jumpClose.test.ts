import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import { describe, expect } from "bun:test"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { EventBody } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import { Secrets } from "../../../src/layers/secrets/Secrets.ts"
import { SshSettings } from "../../../src/layers/ssh/Settings.ts"
import { Ssh } from "../../../src/layers/ssh/Ssh.ts"
import { it } from "../../support/effect.ts"
import { folder, serverOf } from "./fixture.ts"
import * as Sshd from "./Sshd.ts"

describe("connections through a jump host", () => {
  it.live("all close cleanly, and the one to the jump host last", () =>
    Effect.gen(function* () {
      const bastion = yield* Sshd.make()
      const sshd = yield* Sshd.make()
      appendFileSync(join(sshd.dir, "authorized_keys"), readFileSync(`${bastion.keyFile}.pub`, "utf8"))
      const knownHosts = join(sshd.dir, "both")
      writeFileSync(knownHosts, readFileSync(sshd.knownHosts, "utf8") + readFileSync(bastion.knownHosts, "utf8"))
      const proxy = `${bastion.user}@127.0.0.1:${bastion.port}`
      const home = yield* folder
      const published: Array<EventBody> = []
      const publish = (body: EventBody) => Effect.sync(() => void published.push(body))
      const layer = Ssh.layer.pipe(
        Layer.provide(Layer.succeed(Events, { publish, subscribe: Effect.succeed(Stream.empty) })),
        Layer.provide(Layer.succeed(SshSettings, { ...(yield* SshSettings), agent: undefined, system: home, home })),
        Layer.provide(Layer.mock(Secrets, {})),
        Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
      )
      const scope = yield* Scope.make()
      const ssh = Context.get(yield* Layer.buildWithScope(layer, scope), Ssh)
      const servers = ["web1", "web2", "web3"].map((name) =>
        serverOf(sshd, { name, keys: [bastion.keyFile], knownHosts, proxy })
      )
      yield* Effect.forEach(servers, (server) => ssh.connect(server), { concurrency: "unbounded" })
      yield* Scope.close(scope, Exit.void)
      const released = published.filter(({ _tag }) => _tag === "ResourceReleased")
      const jump = { _tag: "ResourceReleased", resource: "connection to jump host 127.0.0.1", clean: true } as const
      expect(released).toHaveLength(4)
      expect(released.at(-1)).toEqual(jump)
      expect(released.every((event) => "clean" in event && event.clean)).toBe(true)
    })
  )
})
