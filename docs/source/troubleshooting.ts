import { Glob } from "bun"
import { Cause } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { exitReport } from "../../src/cli/process/exit.ts"
import type { Failure } from "../../src/core/Failure.ts"

const src = join(import.meta.dir, "../../src")

/** The headings of the page, with the paths in src of their errors. The longest path that matches a file wins. */
const parts = {
  "Usage and configuration": ["cli/", "config/", "layers/git/", "reporters/", "sandbox/", "steps/"],
  "Run history": ["record/"],
  "jiji serve": ["serve/", "cli/remote/"],
  Secrets: ["layers/secrets/"],
  "Servers and SSH": ["layers/shell/", "layers/ssh/"],
  "Engines and containers": ["layers/context/", "layers/docker/", "layers/processes/"],
  Locks: ["layers/lock/"],
  "The proxy": ["layers/proxy/"],
  "Remote registries": ["layers/docker/RemoteRegistryError.ts"],
  "The local registry": ["layers/registry/", "layers/registryContainer/"],
  "Your own pipelines": ["cli/pipelines/", "core/", "pipeline/", "rehearsal/"]
} as const

const headingOf = (file: string): string => {
  const [found] = Object.entries(parts)
    .flatMap(([heading, paths]) => paths.map((path) => ({ heading, path })))
    .filter(({ path }) => file.startsWith(path))
    .sort((a, b) => b.path.length - a.path.length)
  if (found === undefined) throw new Error(`docs/troubleshooting.md has no heading for the errors of src/${file}.`)
  return found.heading
}

/** An error class, as the page shows it. */
export interface DocumentedError {
  readonly tag: string
  readonly heading: string
  /** The comment above the class. */
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
  // Importing has effects in some modules (main.ts runs the CLI), so only those with errors are imported.
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

/** Errors that jiji only warns about. */
const warnings = new Set(["ReporterFailed", "SubscriberFailed"])

const section = ({ meaning, samples, tag }: DocumentedError): ReadonlyArray<string> => [
  `### ${tag}`,
  "",
  warnings.has(tag)
    ? `${meaning} Warning only: the exit code does not change.`
    : `${meaning} Exit code ${[...new Set(samples.map(({ exitCode }) => exitCode))].join(" or ")}.`,
  "",
  "```text",
  ...samples.map((sample) => {
    const { text } = exitReport(Cause.fail(sample))
    return (warnings.has(tag) ? text.replace(/^error:/, "warning:") : text).trimEnd()
  }),
  "```",
  ""
]

const introduction = `# Troubleshooting

<!-- Written by bin/docs from the error classes of src. -->

Start with \`jiji doctor\`: it checks this machine and every server for what a deploy needs, and deploys nothing. When a
deploy fails, the last line of the error says what to do. This page lists every error with an example.

## Common problems

### GHCR answers 403 Forbidden

- The token needs \`write:packages\` and \`read:packages\`.
- \`username\` must be your GitHub user or organization.
- The package must exist, or the token must be allowed to create it.

In a GitHub workflow, add \`permissions: packages: write\` for its \`GITHUB_TOKEN\`.

### GHCR requires username to be configured

GHCR and Docker Hub put the user's name into the name of an image. Set \`username\` or \`namespace\` under
\`builder.registry\`.

### A server cannot reach localhost:9270

Servers reach the registry through the SSH connection of a running deploy, or through a port forward of your own.

1. Check the registry on this machine: run \`jiji registry status\`. While \`jiji registry serve\` runs, also try
   \`curl http://127.0.0.1:9270/v2/\`.
2. Check that the server's sshd allows forwarding: its configuration needs \`AllowTcpForwarding yes\` (or \`remote\`).
   \`GatewayPorts\` must not be \`yes\`, because that opens the port to everyone who can reach the server. jiji only needs
   127.0.0.1 there, and rejects connections from other addresses. OpenSSH's \`ssh -R\` does not reject them.
3. Check which port jiji uses: the \`tunnel\` step prints it. The forward exists only during a run, and if 9270
   is taken on the server, jiji uses another port. With \`jiji sandbox\`, the registry of this machine itself takes 9270.

### A deploy waits, or times out

jiji says \`still waiting for … on …\` when a command takes longer than usual, and stops it at a limit:

| command | first note | limit |
|---|---|---|
| short questions to an engine; checking a login; all checks of \`jiji doctor\` | 10 s | 60 s |
| \`jiji registry login\` and \`logout\` | 10 s | 3 minutes |
| pushing or pulling an image | 30 s without progress | 10 minutes without progress; 1 hour if the machine has no \`script\` of util-linux, which shows it |
| saving an image | 30 s without progress | 30 minutes without progress |
| building an image | 1 minute without output | 1 hour without output |
| replacing a container | \`running_for\` + \`timeout\` + 10 s | twice \`running_for\` + \`timeout\`, + 15 minutes (30 s more with podman) |
| starting a command in the login shell of a server | 10 s | 60 s |
| a pipeline's own command on a server, without a limit | 30 s, unless it asks or shows something | none |

With each note, and every 30 seconds while it replaces a container, jiji also asks docker for its version. If docker does
not answer within 60 s, it is frozen, and jiji stops at once: check \`systemctl status docker\` on that machine.

### A server's .bashrc prints or reads something

jiji ignores what the start files of a login shell print. If they read input, they get empty lines, as if someone pressed
Enter. If they keep asking, exit, never finish or redirect stdout, jiji stops with \`LoginShellFailed\`. To keep a start
file out of the way of all programs that use SSH, make this its first line:

\`\`\`bash
case $- in *i*) ;; *) return ;; esac
\`\`\`

### Permission denied for a port

Ports below 1024 need root on the server. Set \`builder.registry.port\` to a higher port.

### Connections stall for a second or two on podman

With podman 4.3 and the netavark of Debian 12, the hardware address of the bridge can change when a container starts or
stops. Open connections then wait until the other side knows the new address. Newer versions keep the address.

### Containers do not start after a reboot

docker starts them if it starts itself: \`systemctl enable docker\`. Podman has no daemon, so a unit starts them. Debian
enables it for root; elsewhere, and for other users, do it yourself:

\`\`\`bash
sudo systemctl enable podman-restart.service      # containers of root

systemctl --user enable podman-restart.service    # your own containers
sudo loginctl enable-linger "$USER"               # start them before you log in
\`\`\`

If the server reboots in the middle of a deploy, the old container starts, or the new one if it was already healthy. With
podman 4, a container \`NAME-next\` may remain that cannot be started (\`writing runtime spec JSON … no such file or
directory\`), and podman-restart.service counts as failed. Deploy again: jiji removes the container.
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
