import { describe, expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { parse } from "yaml"
import { jsonSchema } from "../../src/config/JsonSchema.ts"
import { it } from "../support/effect.ts"
import { proxied } from "./proxied.ts"
import { everything, loadText, smallest } from "./project.ts"

const Json = Schema.Record(Schema.String, Schema.Unknown)
const isMap = Schema.is(Json)

const local = `builder: { registry: { type: local, port: 5000, engine: container, image: registry:3 } }\n${smallest}    replicas: 2\n`

const remote = `builder: { remote: web1 }\n${smallest}`

/** Returns the keys of a JSON Schema, such as `servers.*.host`, and whether each has a description. */
const keysOf = (schema: unknown, path = ""): ReadonlyArray<readonly [path: string, described: boolean]> => {
  if (!isMap(schema)) return []
  const { anyOf, patternProperties, properties } = schema
  const own = Object.entries(isMap(properties) ? properties : {}).flatMap(([key, value]) => {
    const name = path === "" ? key : `${path}.${key}`
    const described = isMap(value) && typeof value["description"] === "string"
    return [[name, described] as const].concat(keysOf(value, name))
  })
  const named = Object.values(isMap(patternProperties) ? patternProperties : {}).flatMap((value) =>
    keysOf(value, `${path}.*`)
  )
  const members = Array.isArray(anyOf) ? anyOf.flatMap((member) => keysOf(member, path)) : []
  return [...own, ...named, ...members]
}

/** Returns the keys of a file in the same form. */
const keysIn = (value: unknown, path = ""): ReadonlyArray<string> =>
  isMap(value)
    ? Object.entries(value).flatMap(([key, inner]) => {
        const name = path === "" ? key : `${path}.${key}`
        const star = /^(?:servers|services|hooks|triggers|services\.\*\.ulimits)$/u.test(path) ? `${path}.*` : name
        return [star].concat(keysIn(inner, star))
      })
    : []

const keys = keysOf(JSON.parse(jsonSchema()))

test("docs/deploy.schema.json is up to date (bin/docs writes it)", async () => {
  expect(await Bun.file(new URL("../../docs/deploy.schema.json", import.meta.url)).text()).toBe(jsonSchema())
})

test("every key has a description", () => {
  expect(keys.length).toBeGreaterThan(40)
  expect(keys.filter(([, described]) => !described)).toEqual([])
})

describe("an example that loads uses the key", () => {
  it.live("(the examples load)", () => Effect.forEach([everything, local, proxied, remote], (text) => loadText(text)))
  const used = new Set([everything, local, proxied, remote].flatMap((text) => keysIn(parse(text))))
  for (const key of new Set(keys.map(([key]) => key))) test(key, () => expect(used).toContain(key))
})
