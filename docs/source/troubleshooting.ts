import { Glob } from "bun"
import { Cause } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ending } from "../../src/cli/process/exit.ts"
import type { Failure } from "../../src/core/Failure.ts"

const src = join(import.meta.dir, "../../src")

/** The headings of the page, and where in src their errors are. The longest path that fits a file decides. */
const parts = {
  "Usage and configuration": ["cli/", "config/", "sandbox/", "steps/"],
  "The record of runs": ["record/"],
  Secrets: ["layers/secrets/"],
  "Servers and SSH": ["layers/ssh/"],
  "Engines and containers": ["layers/docker/", "layers/processes/"],
  "Remote registries": ["layers/docker/RemoteRegistryError.ts"],
  "The local registry": ["layers/registry/", "layers/registryContainer/"],
  "Pipelines of your own": ["cli/pipelines/", "core/", "pipeline/"]
} as const

const headingOf = (file: string): string => {
  const [found] = Object.entries(parts)
    .flatMap(([heading, paths]) => paths.map((path) => ({ heading, path })))
    .filter(({ path }) => file.startsWith(path))
    .sort((a, b) => b.path.length - a.path.length)
  if (found === undefined) throw new Error(`No part of docs/troubleshooting.md is for the errors of src/${file}.`)
  return found.heading
}

/** An error class of src, as the page shows it. */
export interface DocumentedError {
  readonly tag: string
  readonly heading: string
  /** What the source says above the class. */
  readonly meaning: string
  readonly samples: ReadonlyArray<Failure>
}

const declaration = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*export class (\w+) extends defineError</gu

const meanings = (source: string): ReadonlyMap<string, string> =>
  new Map(
    [...source.matchAll(declaration)].map(([, comment = "", name = ""]) => {
      const text = comment.replaceAll(/^\s*\* ?/gmu, " ").replaceAll(/\{@link (\w+)\}/gu, "$1")
      return [name, text.replaceAll(/\s+/gu, " ").trim()] as const
    })
  )

const isErrorClass = (value: unknown): value is { readonly samples: ReadonlyArray<Failure> } =>
  typeof value === "function" && "samples" in value

const documented = async (file: string): Promise<ReadonlyArray<DocumentedError>> => {
  const source = readFileSync(join(src, file), "utf8")
  // Some modules do things when they are imported, so only those with errors are.
  if (!source.includes(" extends defineError<")) return []
  const found = meanings(source)
  const exported: Readonly<Record<string, unknown>> = await import(join(src, file))
  return Object.entries(exported).flatMap(([tag, value]) =>
    isErrorClass(value)
      ? [{ tag, heading: headingOf(file), meaning: found.get(tag) ?? "", samples: value.samples }]
      : []
  )
}

/** Every error class that src exports, by name. */
export const errors: ReadonlyArray<DocumentedError> = (
  await Promise.all([...new Glob("**/*.ts").scanSync(src)].map(documented))
)
  .flat()
  .sort((a, b) => (a.tag < b.tag ? -1 : 1))

const section = ({ meaning, samples, tag }: DocumentedError): ReadonlyArray<string> => [
  `### ${tag}`,
  "",
  `${meaning} Exit code ${[...new Set(samples.map(({ exitCode }) => exitCode))].join(" or ")}.`,
  "",
  "```text",
  ...samples.map((sample) => ending(Cause.fail(sample)).text.trimEnd()),
  "```",
  ""
]

const introduction = `# Troubleshooting

<!-- Written by bin/docs from the error classes of src. -->

\`jiji doctor\` looks at this machine and at every server for what a deploy needs, and changes nothing. What a failed
deploy says ends with what to do about it; below is every such error, with an example of its words.

## Often asked

### GHCR answers 403 Forbidden

The token needs \`write:packages\` and \`read:packages\`; \`username\` must be your GitHub user or organization; and the
package must exist, or the token may create it. In a workflow, \`permissions: packages: write\` gives its
\`GITHUB_TOKEN\` that.

### GHCR requires username to be configured

GHCR and Docker Hub name images after their user, so \`username\` is needed under \`builder.registry\`, or a \`namespace\`.

### A server cannot reach localhost:9270

The registry is reached through the SSH connection, while a deploy (or a forward of your own) holds it.

1. Is the registry there? Here: \`jiji registry status\`, and \`curl http://127.0.0.1:9270/v2/\` while \`jiji registry serve\` runs.
2. May the server's sshd forward? Its configuration needs \`AllowTcpForwarding yes\` (or \`remote\`). \`GatewayPorts\` must not
   be \`yes\`: jiji asks for 127.0.0.1 on the server, which needs no more than forwarding, while \`GatewayPorts yes\` opens the
   port to everybody who reaches the server. jiji then turns connections from elsewhere away; OpenSSH's own \`ssh -R\` does not.
3. Is it up? On the server: \`ss -ltn | grep 9270\`.

### Permission denied for a port

Ports below 1024 need root on the server. Choose a higher one under \`builder.registry.port\`.

### Connections stall for a second or two on podman

Podman 4.3 with the netavark of Debian 12 lets the bridge's hardware address change when a container starts or stops, so
that open connections wait until their peers have learned the new one. Newer versions keep it.
`

/** docs/troubleshooting.md. */
export const troubleshooting = (): string =>
  [
    introduction,
    ...Object.keys(parts).flatMap((heading) => [
      `## ${heading}`,
      "",
      ...errors.filter((error) => error.heading === heading).flatMap(section)
    ])
  ]
    .join("\n")
    .trimEnd()
    .concat("\n")
