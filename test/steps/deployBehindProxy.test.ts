import { expect } from "bun:test"
import { Duration, Effect } from "effect"
import { it } from "../support/effect.ts"
import { type Override, project, rehearse, service, succeeded } from "./rehearsal.ts"

const tls = { _tag: "Off" } as const
const behind = { port: 3000, path: "/", strip: false, tls, responseTimeout: Duration.seconds(60) }
const running = (name: string, address: string, digest = "sha256:old") => ({
  Id: `id-of-${name}`,
  Name: `/${name}`,
  Image: "sha256:i1",
  State: { Running: true },
  Config: {
    Labels: {
      "jiji.project": "shop",
      "jiji.service": "web",
      "jiji.digest": digest,
      "jiji.config": "c1",
      "jiji.address": address
    }
  }
})

/** What a deploy of one service runs on its server to replace or remove containers. */
const replaced = (more: Parameters<typeof service>[2], ...containers: ReadonlyArray<unknown>) => {
  const override: Override = (_, command) =>
    command.script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify(containers)}`) : undefined
  const web = service("web", ["web1"], more)
  return Effect.map(rehearse(project({ services: [web] }), { override }), ({ on }) =>
    on("web1").filter((line) => line.startsWith("replace"))
  )
}

it.effect("a service behind the proxy says what to ask for, which file to switch, and how long to drain", () =>
  Effect.gen(function* () {
    const [line = ""] = yield* replaced({
      proxy: { ...behind, hosts: ["*.example.com", "shop.example.com"] },
      drain: Duration.seconds(5),
      health: {
        runningFor: Duration.seconds(1),
        timeout: Duration.seconds(60),
        request: { path: "/up", status: { from: 200, to: 204 }, interval: Duration.millis(500) }
      }
    })
    const [, address] = /--ip (\S+)/.exec(line) ?? []
    for (const word of [
      "proxy=jiji-proxy",
      "upstream=/jiji/up/shop/web-1",
      `address=${address}`,
      "port=3000",
      "drain=5",
      "path=/up",
      "host=shop.example.com",
      "status=200-204",
      "interval=0.5"
    ]) {
      expect(` ${line} `).toContain(` ${word} `)
    }
  })
)

it.effect("a service that is not behind the proxy says nothing of it", () =>
  Effect.gen(function* () {
    const [line = ""] = yield* replaced({})
    expect(line).not.toMatch(/ (proxy|upstream|drain|path|status)=/)
  })
)

it.effect("a container that starts after a stop gets the address of the old one, and one beside it another", () =>
  Effect.gen(function* () {
    const old = running("shop-web", "172.30.0.77")
    const addressOf = (line = "") => /--ip (\S+)/.exec(line)?.[1]
    const [stopped] = yield* replaced({ volumes: ["shop_data:/data"] }, old)
    expect(addressOf(stopped)).toBe("172.30.0.77")
    const [beside] = yield* replaced({}, old)
    expect(addressOf(beside)).not.toBe("172.30.0.77")
    // The network has been created anew since.
    const [elsewhere] = yield* replaced({ volumes: ["shop_data:/data"] }, running("shop-web", "172.31.0.77"))
    expect(addressOf(elsewhere)).toStartWith("172.30.")
  })
)

it.effect("a replica that is removed leaves its requests to the first one, where that runs after the deploy", () =>
  Effect.gen(function* () {
    const proxy = { ...behind, hosts: ["shop.example.com"] }
    const lines = yield* replaced({ proxy }, running("shop-web", "172.30.0.77"), running("shop-web-2", "172.30.0.78"))
    const [first = "", second = ""] = lines
    expect(lines).toHaveLength(2)
    expect(second).toContain("name=shop-web-2")
    expect(second).toContain("strategy=remove")
    expect(second).toContain("upstream=/jiji/up/shop/web-2")
    expect(second).toContain(`address=${/--ip (\S+)/.exec(first)?.[1]} `)
  })
)
