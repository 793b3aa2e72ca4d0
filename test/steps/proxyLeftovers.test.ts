import { describe, expect } from "bun:test"
import { Duration, Effect, Redacted } from "effect"
import type { ProjectSites } from "../../src/layers/proxy/sites.ts"
import { remove } from "../../src/steps/RemovePipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { projectSites, site } from "../layers/proxy/sites.ts"
import { it } from "../support/effect.ts"
import { errors } from "./deploys.ts"
import { image, type Override, project, rehearse, service, succeeded } from "./rehearsal.ts"

const proxy = {
  hosts: ["shop.test"],
  port: 3000,
  path: "/",
  strip: false,
  tls: { _tag: "Auto" },
  responseTimeout: Duration.seconds(60)
} as const
const shop = project({ services: [service("web", ["web1"], { source: image("nginx:1.27"), proxy })] })

/** A server whose proxy serves these sites. Some projects have no container any more. */
const serving =
  (sites: ReadonlyArray<ProjectSites>, gone: ReadonlyArray<string> = []): Override =>
  (_machine, { script }) =>
    script === "proxy-read"
      ? succeeded(
          [
            "proxy caddy:2.11.4 - running",
            "hash 0a1b",
            ...sites.map((each) => `sites ${each.project} ${JSON.stringify(each)}`),
            ...gone.map((name) => `gone ${name}`),
            ""
          ].join("\n")
        )
      : undefined

interface Entry {
  readonly _tag: string
  readonly command?: { readonly script?: string; readonly stdin?: unknown }
}

/** What is written to the proxy. */
const written = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries.flatMap(({ command }) =>
    command?.script === "proxy-apply"
      ? [String(Redacted.isRedacted(command.stdin) ? Redacted.value(command.stdin) : command.stdin)]
      : []
  )

describe("the sites of a project without containers", () => {
  const blog = projectSites("blog", [site("web", ["shop.test"])])
  const own = projectSites("shop", [site("web", ["shop.test"])])

  it.effect("are no obstacle to another project, and go with its deploy", () =>
    Effect.gen(function* () {
      const { entries, events, exit, on } = yield* rehearse(shop, { override: serving([blog], ["blog"]) })
      expect(errors(exit)).toEqual([])
      const [checked = "", applied = ""] = written(entries)
      for (const text of [checked, applied]) {
        expect(text).toContain("\ngone blog\n")
        expect(text).not.toContain('"{file./jiji/up/blog/')
      }
      // The proxy itself listens on the ports already.
      expect(on("web1").find((line) => line.startsWith("proxy-ensure"))).not.toContain(" ports=")
      const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
      expect(notes).toContain("the proxy no longer serves blog: no container of it is left")
    })
  )

  it.effect("also go if nothing else of the proxy has to change", () =>
    Effect.gen(function* () {
      const { entries } = yield* rehearse(shop, { override: serving([blog, own], ["blog"]) })
      expect(written(entries)).toEqual([expect.stringContaining("\ngone blog\n")])
    })
  )

  it.effect("stay while a container of it is left", () =>
    Effect.gen(function* () {
      const { entries } = yield* rehearse(shop, {
        override: serving([projectSites("blog", [site("web", ["blog.test"])]), own])
      })
      expect(written(entries)).toEqual([])
    })
  )

  it.effect("go with `jiji remove --all`, even if deploy.yml has no service behind the proxy any more", () =>
    Effect.gen(function* () {
      const bare = project({ services: [service("web", ["web1"])] })
      const old = projectSites("shop", [site("api", ["api.test"]), site("web", ["shop.test"])])
      const script = { answers: [Answer.from(serving([old]))] }
      const input = { project: bare, services: undefined, withVolumes: false }
      const { entries, events } = yield* Rehearsal.run(remove, input, script)
      const [text = ""] = written(entries)
      expect(text).toStartWith("project shop\n")
      expect(text).not.toContain("file sites/shop.json")
      const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
      expect(notes).toContain("the proxy no longer serves api.test and shop.test")
    })
  )
})
