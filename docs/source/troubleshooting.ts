import { Glob } from "bun"
import { Cause } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { exitReport } from "../../src/cli/process/exit.ts"
import type { Failure } from "../../src/core/Failure.ts"
import { samples } from "./samples.ts"

const src = join(import.meta.dir, "../../src")

const declaration = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*export class (\w+) extends Schema\.TaggedError/gu

/** What the source says above each error class. */
export const meanings: ReadonlyMap<string, string> = new Map(
  [...new Glob("**/*.ts").scanSync(src)].flatMap((file) =>
    [...readFileSync(join(src, file), "utf8").matchAll(declaration)].map(([, comment = "", name = ""]) => {
      const text = comment.replaceAll(/^\s*\* ?/gmu, " ").replaceAll(/\{@link (\w+)\}/gu, "$1")
      return [name, text.replaceAll(/\s+/gu, " ").trim()] as const
    })
  )
)

const section = (error: Failure): ReadonlyArray<string> => [
  `### ${error._tag}`,
  "",
  `${meanings.get(error._tag) ?? ""} Exit code ${error.exitCode}.`,
  "",
  "```text",
  exitReport(Cause.fail(error)).text.trimEnd(),
  "```",
  ""
]

const byTag = (a: Failure, b: Failure): number => (a._tag < b._tag ? -1 : 1)

const introduction = `# Troubleshooting

<!-- Written by bin/docs from the error classes of src and docs/source/samples.ts. -->

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
    ...Object.entries(samples).flatMap(([heading, errors]) => [
      `## ${heading}`,
      "",
      ...[...errors].sort(byTag).flatMap(section)
    ])
  ]
    .join("\n")
    .trimEnd()
    .concat("\n")
