import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"

const withServices = (...names: ReadonlyArray<string>) =>
  smallest + names.map((name) => `  ${name}:\n    image: nginx:1.27\n    hosts: [web1]\n`).join("")
const clash = (line: number, name: string, other: string, end: string) =>
  `${line} services.${name}: cannot have this name beside ${other}, because jiji adds -${end} to the name of ${other}'s temporary container; choose another name`

describe("the names of services", () => {
  it.live("differ in more than what jiji adds for temporary containers", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf(withServices("web-next"))).toEqual([clash(8, "web-next", "web", "next")])
      expect(yield* problemsOf(withServices("web-trial"))).toEqual([clash(8, "web-trial", "web", "trial")])
      expect(yield* problemsOf(withServices("web-next", "web-next-trial"))).toEqual([
        clash(8, "web-next", "web", "next"),
        clash(11, "web-next-trial", "web-next", "trial")
      ])
    })
  )

  it.live("do not end with -release beside a service that has a release", () =>
    Effect.gen(function* () {
      const fine = yield* loadText(`${withServices("web-release")}    release: { command: [a] }\n`)
      expect(fine.services[1]?.release?.command).toEqual(["a"])
      const [before, after] = withServices("web-release").split("  web-release:")
      expect(yield* problemsOf(`${before}    release: { command: [a] }\n  web-release:${after}`)).toEqual([
        clash(9, "web-release", "web", "release")
      ])
    })
  )

  it.live("may end like temporary names if no other service is called so", () =>
    Effect.gen(function* () {
      const names = ["api-next", "next", "trial", "web_next", "web-nexts", "web-release"]
      const { services } = yield* loadText(withServices(...names))
      expect(services.map(({ name }) => name)).toEqual(["web", ...names])
    })
  )
})
