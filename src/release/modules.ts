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

/** What `effect` groups under a name is a module of its own too: `effect/Effect`. */
const grouped = (name: string, group: object): Record<string, object> =>
  Object.fromEntries(
    Object.entries(group).flatMap(([each, value]) =>
      typeof value === "object" && value !== null ? [[`${name}/${each}`, value]] : []
    )
  )

/** What the files of pipelines can import, wherever they are. */
export const modules: Readonly<Record<string, object>> = {
  jiji,
  "jiji/testing": jijiTesting,
  effect,
  ...grouped("effect", effect),
  "effect/cli": cli,
  ...grouped("effect/cli", cli),
  "effect/encoding": encoding,
  ...grouped("effect/encoding", encoding),
  "effect/http": http,
  ...grouped("effect/http", http),
  "effect/observability": observability,
  "effect/process": process,
  ...grouped("effect/process", process),
  "effect/schema": schema,
  "effect/testing": testing,
  ...grouped("effect/testing", testing)
}
