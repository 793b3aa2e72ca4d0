import { expect, test } from "bun:test"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

test("the help of a pipeline's flags has one form, with and without descriptions", () => {
  using shop = pipelines({
    "x.ts": `import { Effect, Schema } from "effect"
import { Pipeline, Runnable } from "jiji"
const preset = (value) => Schema.withDecodingDefaultKey(Effect.succeed(value))
export default Runnable.make({
  description: "x",
  flags: Schema.Struct({
    name: Schema.String,
    tag: Schema.String.annotateKey({ description: "Tag to look for (choices: many)" }),
    count: Schema.Int,
    share: Schema.Finite.pipe(preset(0.5)),
    port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })).annotateKey({ description: "Port to ask" }),
    color: Schema.Literals(["red", "green"]),
    size: Schema.Literals(["s", "m"]).pipe(preset("m")).annotateKey({ description: "Size of the page" }),
    fast: Schema.Boolean,
    loud: Schema.Boolean.pipe(preset(true)),
    wait: Schema.optionalKey(Schema.DurationFromString),
    since: Schema.optionalKey(Schema.DateFromString),
    pause: Schema.Array(Schema.DurationFromString)
  }),
  pipeline: Pipeline.make("x")
})`
  })
  const [, rest = ""] = shop.jiji(["run", "x.ts", "--help"]).stdout.split("(docs/events.md)\n")
  const [flags = ""] = rest.split("\n\n")
  expect(flags.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, "  "))).toEqual([
    "--resume  Go on with the last run of this pipeline that did not succeed, as it was started",
    "--no-cache  Run cached steps again, and store their new results",
    "--name STRING  (required)",
    "--tag STRING  Tag to look for (choices: many) (required)",
    "--count INTEGER  (required)",
    "--share NUMBER  (default: 0.5)",
    "--port INTEGER  Port to ask (a value between 1 and 9; required)",
    "--color CHOICE  (required; choices: red, green)",
    "--size CHOICE  Size of the page (default: m; choices: s, m)",
    "--fast  (default: false)",
    "--loud  (default: true; --no-loud turns it off)",
    '--wait DURATION  (such as "10 minutes"; optional)',
    "--since STRING  (a valid Date; optional)",
    '--pause DURATION  (such as "10 minutes"; can be repeated)'
  ])
})
