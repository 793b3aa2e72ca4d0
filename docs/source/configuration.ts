import { Schema } from "effect"
import { jsonSchema } from "../../src/config/JsonSchema.ts"
import { joinWords } from "../../src/core/text.ts"

/** The part of JSON Schema that the schema of deploy.yml uses. */
interface Node {
  readonly type?: string
  readonly enum?: ReadonlyArray<string | boolean>
  readonly description?: string
  readonly default?: unknown
  readonly examples?: ReadonlyArray<unknown>
  readonly required?: ReadonlyArray<string>
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: ReadonlyArray<Node>
}

const Node: Schema.Codec<Node> = Schema.Struct({
  type: Schema.optionalKey(Schema.String),
  enum: Schema.optionalKey(Schema.Array(Schema.Union([Schema.String, Schema.Boolean]))),
  description: Schema.optionalKey(Schema.String),
  default: Schema.optionalKey(Schema.Unknown),
  examples: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  required: Schema.optionalKey(Schema.Array(Schema.String)),
  properties: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.suspend(() => Node)
    )
  ),
  patternProperties: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.suspend(() => Node)
    )
  ),
  items: Schema.optionalKey(Schema.suspend(() => Node)),
  anyOf: Schema.optionalKey(Schema.Array(Schema.suspend(() => Node)))
})

const tree = Schema.decodeSync(Schema.fromJsonString(Node))(jsonSchema())

const code = (value: unknown): string => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``

/** The type of a value, in a word or two. */
const typeOf = (node: Node): string => {
  if (node.enum !== undefined) return joinWords(node.enum.map(code), "or")
  if (node.type === "array")
    return node.items?.enum === undefined
      ? `list${node.items?.anyOf === undefined ? ` of ${typeOf(node.items ?? {})}s` : " of strings"}`
      : `list of ${typeOf(node.items)}`
  if (node.type === "object") return "map"
  if (node.type === "boolean") return "boolean"
  if (node.type === "integer") return "integer"
  if (node.anyOf?.some(({ type, enum: words }) => type === "string" && words !== undefined) === true)
    return joinWords(node.anyOf.map(typeOf), "or")
  return node.type === "string" || node.anyOf?.every(({ type }) => type !== "object") === true ? "string" : "map"
}

const describe = ({ default: fallback, description = "", examples, items }: Node): string => {
  const inner = items?.description === undefined ? "" : ` Each is \`${items.description}\`.`
  const written = (examples ?? items?.examples ?? []).filter((example) => example !== fallback)
  const such = written.length === 0 ? "" : ` Example: ${written.map(code).join(", ")}.`
  return `${description}${inner}${such}`.replaceAll("|", "\\|")
}

const table = (node: Node): ReadonlyArray<string> => [
  "| key | type | default | |",
  "| --- | --- | --- | --- |",
  ...Object.entries(node.properties ?? {}).map(([key, value]) => {
    const absent =
      node.required?.includes(key) === true ? "required" : value.default === undefined ? "" : code(value.default)
    return `| \`${key}\` | ${typeOf(value)} | ${absent} | ${describe(value)} |`
  })
]

/** A map with its table, followed by the maps in it. */
const sections = (node: Node, path: string): ReadonlyArray<string> => {
  const maps = Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
    const named = Object.values(value.patternProperties ?? {}).find(({ properties }) => properties !== undefined)
    const at = path === "" ? key : `${path}.${key}`
    const choices = value.anyOf?.filter(({ properties }) => properties !== undefined) ?? []
    if (named !== undefined) return sections(named, `${at}.NAME`)
    if (choices.length > 0) {
      return choices.flatMap((choice) => {
        const type = choice.properties?.["type"]?.enum?.[0]
        return sections(choice, type === undefined ? at : `${at}, type ${code(type)}`)
      })
    }
    return value.properties === undefined ? [] : sections(value, at)
  })
  const heading = path === "" ? [] : ["", `## ${path}`, "", node.description ?? "", ""]
  return [...heading, ...table(node), ...maps]
}

/** The example files. A test loads each of them. */
export const examples = {
  small: `project: shop
servers:
  web1: { host: 203.0.113.10 }
services:
  web:
    build: { context: . }
    hosts: [web1]
    ports: ["8080:80"]
`,
  whole: `project: shop

builder:
  engine: docker
  registry:
    type: remote
    server: ghcr.io
    username: octocat
    password: GITHUB_TOKEN           # the name of a secret

ssh:
  user: deploy
  port: 22
  keys: [~/.ssh/id_ed25519]
  passphrase: SSH_PASSPHRASE         # the name of a secret
  proxy: jump@bastion.example.com:2222
  host_keys: strict
  known_hosts: .jiji/known_hosts
  connect_timeout: 10s

proxy:
  image: caddy:2.11.4
  http: 80
  https: 443
  email: ops@example.com
  acme: https://acme-v02.api.letsencrypt.org/directory

servers:
  web1: { host: 203.0.113.10, arch: amd64 }
  web2: { host: 203.0.113.11, arch: amd64 }
  jobs1: { host: jobs.example.com, arch: amd64, user: root, port: 2200, keys: [~/.ssh/jobs] }

services:
  web:
    build:
      context: ./app
      dockerfile: Dockerfile
      args: { NODE_ENV: production }
      target: app
    hosts: [web1, web2]
    ports: ["8080:80", "127.0.0.1:9100:9100"]
    volumes: ["uploads:/var/lib/app", "/etc/ssl/certs:/certs:ro"]
    environment:
      clear: { LOG: info }
      secrets: [DATABASE_URL]
    command: [bin/serve, --workers, 4]
    files: [{ secret: APP_KEY, target: /run/secrets/app.key }]
    memory: 512m
    stop_timeout: 30s
    retain: 5
    health: { running_for: 2s, timeout: 90s }
    proxy: { hosts: [shop.example.com, www.example.com], port: 3000, max_body: 20m, response_timeout: 30s }
  admin:
    image: ghcr.io/octocat/admin:3
    hosts: [web1]
    proxy:
      hosts: ["*.example.net"]
      port: 8000
      path: /admin
      strip: true
      tls: { certificate: ADMIN_CERTIFICATE, key: ADMIN_KEY }   # names of secrets
  cache:
    image: redis:7
    hosts: [jobs1]

hooks:
  slack:
    on: [run.succeeded, run.failed]
    command: [bin/notify, deploys]
    environment:
      clear: { CHANNEL: ops }
      secrets: [SLACK_WEBHOOK]
  freeze:
    on: [run.started]
    command: [bin/may-deploy]
    timeout: 10s
    required: true                   # if it fails, nothing is deployed
`,
  staging: `# .jiji/deploy.staging.yml
builder:
  registry: { type: local }          # another type replaces the whole registry
servers:
  web1: { host: 198.51.100.20 }      # the other keys of web1 stay
services:
  web:
    hosts: [web1]                    # replaces the list
    command: ~                       # removes the key
  cache:
    hosts: [web1]
`
}

const fence = (text: string): ReadonlyArray<string> => ["```yaml", text.trimEnd(), "```"]

/** docs/configuration.md. */
export const configuration = (): string =>
  [
    "# deploy.yml",
    "",
    "<!-- Written by bin/docs from src/config/DeployFile.ts. -->",
    "",
    "jiji uses the nearest `.jiji/deploy.yml` in the current folder or a parent folder; `-c FILE` names another file. The",
    "smallest file that builds and deploys something:",
    "",
    ...fence(examples.small),
    "",
    "A file with most keys:",
    "",
    ...fence(examples.whole),
    "",
    "`jiji init` writes a first one: from a Dockerfile, a compose file or Kamal's `config/deploy.yml`. `jiji config` prints the",
    "project as jiji understands it, with the environment's file and all defaults.",
    "",
    "jiji reports all problems at once, as `file:line path: message`. With this first line, editors show them as you type;",
    "`jiji schema > .jiji/deploy.schema.json` updates the schema:",
    "",
    ...fence("# yaml-language-server: $schema=deploy.schema.json"),
    "",
    "## Environments",
    "",
    "`-e staging` merges `.jiji/deploy.staging.yml` on top. Maps merge, lists and scalars replace, and an empty value (`~`)",
    "removes its key. jiji looks for secrets in `.env.staging` first ([secrets](secrets.md)). A registry of another type",
    "replaces the one in deploy.yml ([registries](registries.md)). [Containers](containers.md) explains `files`, `restart`, `gpus`",
    "and `engine_options`.",
    "",
    ...fence(examples.staging),
    "",
    "## All keys",
    "",
    ...sections(tree, ""),
    ""
  ].join("\n")
