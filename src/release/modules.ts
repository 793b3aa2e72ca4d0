import * as effect from "effect"
import * as cli from "effect/cli"
import * as encoding from "effect/encoding"
import * as http from "effect/http"
import * as observability from "effect/observability"
import * as process from "effect/process"
import * as schema from "effect/schema"
import * as testing from "effect/testing"
import * as jiji from "../index.ts"
import * as jijiTesting from "../testing/index.ts"

/** Every namespace that a module exports is also a module of its own: `effect/Effect`. */
const submodules = (name: string, module: object): Record<string, object> =>
  Object.fromEntries(
    Object.entries(module).flatMap(([key, value]) =>
      typeof value === "object" && value !== null ? [[`${name}/${key}`, value]] : []
    )
  )

/** The modules that a pipeline file can import, wherever it is. */
export const modules: Readonly<Record<string, object>> = {
  jiji,
  "jiji/testing": jijiTesting,
  effect,
  ...submodules("effect", effect),
  "effect/cli": cli,
  ...submodules("effect/cli", cli),
  "effect/encoding": encoding,
  ...submodules("effect/encoding", encoding),
  "effect/http": http,
  ...submodules("effect/http", http),
  "effect/observability": observability,
  "effect/process": process,
  ...submodules("effect/process", process),
  "effect/schema": schema,
  "effect/testing": testing,
  ...submodules("effect/testing", testing)
}
