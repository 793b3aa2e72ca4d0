import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"

const service = (...lines: ReadonlyArray<string>) => smallest + lines.map((line) => `    ${line}\n`).join("")
const beside = (name: string) => `  ${name}:\n    image: nginx:1.27\n    hosts: [web1]\n`

describe("the number of replicas", () => {
  it.live("is one by default, and at most a hundred", () =>
    Effect.gen(function* () {
      expect((yield* loadText(smallest)).services[0]?.replicas).toBeUndefined()
      expect((yield* loadText(service("replicas: 2"))).services[0]?.replicas).toBe(2)
      expect(yield* problemsOf(service("replicas: 101"))).toEqual([
        "8 services.web.replicas: must be a whole number from 1 to 100, not 101"
      ])
    })
  )

  it.live("is one where containers would share data or a port", () =>
    Effect.gen(function* () {
      expect(
        yield* problemsOf(service("replicas: 2", 'volumes: ["a:/a:ro", "b:/b"]', 'ports: ["80", "8080:80"]'))
      ).toEqual([
        "8 services.web.replicas: must be 1, because two containers must not write the same data; the volume b:/b is not read-only",
        "8 services.web.replicas: must be 1, because only one container can publish the port 8080:80"
      ])
      const allowed = service("replicas: 2", 'volumes: ["a:/a:ro"]', "ports: [80]")
      expect((yield* loadText(allowed)).services).toHaveLength(1)
    })
  )

  it.live("keeps names with a number from other services", () =>
    Effect.gen(function* () {
      const problem = (name: string) =>
        `9 services.${name}: cannot have this name beside web, because jiji adds -2 to the name of a replica of web; choose another name`
      for (const name of ["web-2", "web-2-next", "web-2-trial"]) {
        expect(yield* problemsOf(service("replicas: 2") + beside(name))).toEqual([problem(name)])
        expect((yield* loadText(service("replicas: 1") + beside(name))).services).toHaveLength(2)
      }
      for (const name of ["web-1", "web-02", "web2"]) {
        expect((yield* loadText(service("replicas: 2") + beside(name))).services).toHaveLength(2)
      }
    })
  )
})
