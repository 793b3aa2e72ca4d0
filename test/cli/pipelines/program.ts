import { program } from "../../support/program.ts"
import { project } from "../project.ts"

export const deployFile = `project: shop
servers:
  web1: { host: 203.0.113.10 }
  web2: { host: 203.0.113.11 }
services:
  web: { image: "nginx:1.27", hosts: [web1, web2] }
`

/** A project with pipelines, and a function that runs `jiji` there. */
export const pipelines = (files: Readonly<Record<string, string>>, jiji = [program]) => {
  const shop = project({ ".jiji/deploy.yml": deployFile, ...files })
  return {
    ...shop,
    jiji: (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
      const { exitCode, stderr, stdout } = Bun.spawnSync([...jiji, ...args], {
        cwd: shop.root,
        env: { ...shop.env, ...more },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe"
      })
      return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
    }
  }
}

/** A pipeline that requests a page on every server, with flags of every kind. */
export const smoke = `import { Effect, Schema } from "effect"
import { Machine, Pipeline, type Project, Runnable, Shell, Step } from "jiji"

const flags = Schema.Struct({
  smokePath: Schema.String.annotate({ description: "The page that is asked for" }),
  tries: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(3))
  ),
  within: Schema.optionalKey(Schema.DurationFromString),
  method: Schema.Literals(["GET", "HEAD"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("GET" as const))),
  quiet: Schema.Boolean.annotateKey({ description: "Says nothing" }),
  header: Schema.Array(Schema.String)
})
type Input = typeof flags.Type & { readonly project: Project }

const ask = Step.make(
  "ask",
  Effect.fnUntraced(function* ({ header, method, project, quiet, smokePath, tries, within }: Input) {
    const shell = yield* Shell
    for (const server of project.servers) {
      const words = ["curl", String(tries), method, String(quiet), String(within), ...header, smokePath] as const
      yield* shell.run(Machine.remote(server), { words })
    }
  })
)

export default Runnable.make({
  description: "Asks every server for a page",
  flags,
  pipeline: Pipeline.make<Input>("smoke").pipe(Pipeline.step(ask))
})
`
