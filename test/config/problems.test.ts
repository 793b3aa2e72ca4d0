import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"

/** The smallest file with more keys for its service, its server, or the file, from line 8 on. */
const service = (keys: string) => `${smallest}    ${keys}\n`
const server = (keys: string) => smallest.replace("host: 203.0.113.10", keys)
const top = (keys: string) => `${smallest}${keys}\n`

const name = "must be a name of lower-case letters and digits, with single - or _ between them, such as my-app"
const length = 'must be a duration such as 500ms, 10s, 1m30s, 2h or "10 minutes"'
const port = "must be a port from 1 to 65535"
const nul = "8 contains a NUL byte, which no command or variable can hold"

const table: ReadonlyArray<readonly [protects: string, text: string, problem: string]> = [
  ["a name with capitals", smallest.replace("shop", "Shop!"), `1 project: ${name}, not "Shop!"`],
  ["a project that is not a string", smallest.replace("shop", "{ a: 1 }"), `1 project: ${name}, not a map`],
  ["a missing project", smallest.replace("project: shop\n", ""), "1 project: is missing"],
  ["an unknown key", top("sevices: {}"), "8 sevices: is not a known key; did you mean `services`?"],
  [
    "an unknown key that is similar to no other",
    top("health: {}"),
    "8 health: is not a known key; use project, builder, ssh, servers, services or hooks"
  ],
  [
    "an unknown event",
    top("hooks: { tell: { on: [run.suceeded], command: [x] } }"),
    '8 hooks.tell.on[0]: must be an event such as run.succeeded, run.failed or step.failed, not "run.suceeded"; did you mean `run.succeeded`?'
  ],
  [
    "an event as the name of a hook",
    top("hooks: { run.failed: { on: [run.failed], command: [x] } }"),
    "8 hooks.run.failed: is an event, not a name; give the hook any other name, and list its events under `on`"
  ],
  [
    "a hook's variable with a name that jiji reserves",
    top("hooks: { tell: { on: [run.failed], command: [x], environment: { secrets: [JIJI_RUN] } } }"),
    "8 hooks.tell.environment.secrets[0]: JIJI_RUN is reserved for jiji; choose another name"
  ],
  [
    "a word instead of a boolean",
    top("hooks: { tell: { on: [run.failed], command: [x], required: always } }"),
    '8 hooks.tell.required: must be true or false, not "always"'
  ],
  [
    "an unknown nested key",
    service("health: { time-out: 1s }"),
    "8 services.web.health.time-out: is not a known key; did you mean `timeout`?"
  ],
  [
    "a list instead of a map",
    smallest.replace("{ host: 203.0.113.10 }", "[203.0.113.10]"),
    "3 servers.web1: must be a map, not a list"
  ],
  ["a map instead of a list", service("ports: { 80: 80 }"), "8 services.web.ports: must be a list, not a map"],
  [
    "a string instead of a list",
    service("command: bin/serve"),
    '8 services.web.command: must be a list with at least one word, not "bin/serve"'
  ],
  ["an empty key", service("ports:"), "8 services.web.ports: must be a list, but is empty"],
  [
    "no servers",
    smallest.replace("  web1: { host: 203.0.113.10 }\n", "").replace("servers:", "servers: {}"),
    "2 servers: must be a map with at least one server, not an empty map"
  ],
  [
    "no services",
    "project: shop\nservers: { web1: { host: a } }\nservices:\n",
    "3 services: must be a map with at least one service, but is empty"
  ],
  ["a server without an address", server(""), "3 servers.web1.host: is missing"],
  [
    "an invalid server name",
    smallest.replace("servers:", "servers:\n  Web_1-: { host: b }"),
    `3 servers.Web_1-: ${name}`
  ],
  ["an invalid service name", smallest.replace("  web:", "  -web:"), `5 services.-web: ${name}`],
  [
    "the name of a built-in object property",
    smallest.replace("  web:", "  __proto__:"),
    `5 services.__proto__: ${name}`
  ],
  [
    "a user in the host",
    server("host: deploy@example.com"),
    '3 servers.web1.host: must be an address or a host\'s name, without user and port, not "deploy@example.com"'
  ],
  [
    "an option in the host",
    server('host: "-oProxyCommand=x"'),
    '3 servers.web1.host: must be an address or a host\'s name, without user and port, not "-oProxyCommand=x"'
  ],
  [
    "an unknown processor",
    server("host: a, arch: x86"),
    '3 servers.web1.arch: must be amd64, arm64, arm/v7, arm/v6, riscv64, ppc64le or s390x, not "x86"'
  ],
  ["an SSH port out of range", server("host: a, port: 65536"), `3 servers.web1.port: ${port}, not 65536`],
  [
    "a huge number",
    server("host: a, port: 99999999999999999999"),
    `3 servers.web1.port: ${port}, not 100000000000000000000`
  ],
  [
    "an infinite number",
    service("retain: .inf"),
    "8 services.web.retain: must be a whole number from 1 to 1000, not Infinity"
  ],
  ["a number in quotes", server('host: a, port: "22"'), `3 servers.web1.port: ${port}, not "22"; remove the quotes`],
  ["a fraction", service("retain: 1.5"), "8 services.web.retain: must be a whole number from 1 to 1000, not 1.5"],
  [
    "a value that is not in the list of allowed values",
    top("ssh: { host_keys: off }"),
    '8 ssh.host_keys: must be strict or accept-new, not "off"'
  ],
  [
    "a jump host with spaces",
    top("ssh: { proxy: a b }"),
    '8 ssh.proxy: must be a jump host such as bastion.example.com or deploy@bastion.example.com:2222, not "a b"'
  ],
  [
    "a jump host's port out of range",
    top("ssh: { proxy: 'a:65536' }"),
    '8 ssh.proxy: must be a jump host such as bastion.example.com or deploy@bastion.example.com:2222, not "a:65536"'
  ],
  ["one SSH key instead of a list", top("ssh: { keys: ~/.ssh/id }"), '8 ssh.keys: must be a list, not "~/.ssh/id"'],
  [
    "a passphrase instead of the name of a secret",
    top("ssh: { passphrase: hunter2 }"),
    "8 ssh.passphrase: must be the name of a secret in capitals, such as API_TOKEN, not this string"
  ],
  ["a duration without a unit", top("ssh: { connect_timeout: 10 }"), `8 ssh.connect_timeout: ${length}, not 10`],
  [
    "a duration with an unknown unit",
    top("ssh: { connect_timeout: 10 fortnights }"),
    `8 ssh.connect_timeout: ${length}, not "10 fortnights"`
  ],
  ["a timeout of zero", service("health: { timeout: 0s }"), "8 services.web.health.timeout: must be at least 1ms"],
  [
    "a timeout that is too long",
    service("health: { timeout: 99999h }"),
    "8 services.web.health.timeout: must be at most 24h"
  ],
  [
    "builds on another machine",
    top("builder: { local: false }"),
    "8 builder.local: can only be true: jiji always builds images on this machine"
  ],
  ["an unknown engine", top("builder: { engine: dokcer }"), '8 builder.engine: must be docker or podman, not "dokcer"'],
  [
    "an unknown type of registry",
    top("builder: { registry: { type: locl, server: a } }"),
    '8 builder.registry.type: must be local or remote, not "locl"'
  ],
  [
    "a server for a local registry",
    top("builder: { registry: { type: local, server: ghcr.io } }"),
    "8 builder.registry.server: does not belong to this type of registry; use type, port, engine or image"
  ],
  [
    "an image for the built-in registry",
    top("builder: { registry: { type: local, image: registry:3 } }"),
    "8 builder.registry.image: works only with engine: container"
  ],
  [
    "a port for a remote registry",
    top("builder: { registry: { server: r.example.com, port: 5000 } }"),
    "8 builder.registry.port: does not belong to this type of registry; use type, server, namespace, username or password"
  ],
  [
    "a registry that is not a map",
    top("builder: { registry: ghcr.io }"),
    '8 builder.registry: must be a map, not "ghcr.io"'
  ],
  [
    "a URL instead of a registry's host",
    top("builder: { registry: { server: https://r.example.com/v2 } }"),
    '8 builder.registry.server: must be a registry\'s host such as ghcr.io or registry.example.com:5000, without https:// and path, not "https://r.example.com/v2"'
  ],
  [
    "GHCR without a user",
    top("builder:\n  registry:\n    server: ghcr.io"),
    "9 builder.registry.username: GHCR requires username to be configured"
  ],
  [
    "Docker Hub without a user",
    top("builder: { registry: { server: index.docker.io } }"),
    "8 builder.registry.username: Docker Hub requires username to be configured"
  ],
  [
    "a password without a user",
    top("builder: { registry: { server: r.example.com, password: TOKEN } }"),
    "8 builder.registry.username: is missing; password needs it"
  ],
  [
    "a password that is not a string",
    top("builder: { registry: { server: r.example.com, username: me, password: 1234 } }"),
    "8 builder.registry.password: must be a string, not this number; put quotes around it"
  ],
  [
    "both build and image",
    service("build: {}"),
    "5 services.web: has both build and image; remove one (in an environment's file, `image: ~` removes the key)"
  ],
  [
    "neither build nor image",
    smallest.replace("    image: nginx:1.27\n", ""),
    "5 services.web: needs either build, to build its image, or image, to use an existing one"
  ],
  [
    "an invalid image",
    smallest.replace("nginx:1.27", "Nginx:1.27"),
    "6 services.web.image: must be in lower case, except for the tag: nginx:1.27"
  ],
  [
    "a URL as the build context",
    smallest.replace("image: nginx:1.27", "build: { context: https://example.com/a.git }"),
    '6 services.web.build.context: must be a folder, not "https://example.com/a.git"'
  ],
  [
    "an option as the stage to build",
    smallest.replace("image: nginx:1.27", "build: { target: --push }"),
    '6 services.web.build.target: must be a stage\'s name, not "--push"'
  ],
  [
    "no hosts",
    smallest.replace("[web1]", "[]"),
    "7 services.web.hosts: must be a list with at least one server's name, not an empty list"
  ],
  ["missing hosts", smallest.replace("    hosts: [web1]\n", ""), "5 services.web.hosts: is missing"],
  [
    "a host that is not a server",
    smallest.replace("[web1]", "[wbe1]"),
    "7 services.web.hosts[0]: wbe1 is not under servers; did you mean `web1`?"
  ],
  [
    "a host that YAML reads as a number",
    smallest.replace("[web1]", "[2]"),
    `7 services.web.hosts[0]: ${name}, not 2; put quotes around it`
  ],
  ["a duplicate host", smallest.replace("[web1]", "[web1, web1]"), "7 services.web.hosts[1]: repeats web1"],
  [
    "a port out of range",
    service('ports: ["65536:80"]'),
    "8 services.web.ports[0]: must use ports from 1 to 65535, not 65536"
  ],
  ["port 0", service('ports: ["8080:0"]'), "8 services.web.ports[0]: must use ports from 1 to 65535, not 0"],
  [
    "an invalid port",
    service('ports: ["8080:http"]'),
    "8 services.web.ports[0]: must be a port mapping such as 8080:80, 127.0.0.1:8080:80, 5353:53/udp or 80"
  ],
  [
    "a range of ports",
    service('ports: ["8000-8010:8000-8010"]'),
    "8 services.web.ports[0]: must be a single port; write each port of a range on its own line"
  ],
  [
    "an invalid address",
    service('ports: ["300.0.0.1:80:80"]'),
    "8 services.web.ports[0]: must start with an IP address; 300.0.0.1 is not one"
  ],
  [
    "a duplicate port",
    service('ports: ["80:80", "127.0.0.1:80:81"]'),
    "8 services.web.ports[1]: publishes port 80 on web1, which this service already publishes (80:80)"
  ],
  [
    "a volume without a target",
    service("volumes: [data]"),
    "8 services.web.volumes[0]: must have a source and a target, such as data:/var/lib/app or /srv/app:/app"
  ],
  [
    "a volume with a relative target",
    service("volumes: ['data:app']"),
    "8 services.web.volumes[0]: must have an absolute path as its target, such as data:/var/lib/app"
  ],
  ...["./data", "../data", "..", "data/../.."].map(
    (source) =>
      [
        `a volume from the relative path ${source}`,
        service(`volumes: ['${source}:/app']`),
        "8 services.web.volumes[0]: must start with a volume name or an absolute path on the server, such as data:/var/lib/app or /srv/app:/app"
      ] as const
  ),
  ["a NUL byte in a command", service('command: [sh, "a\\0b"]'), nul],
  ["a NUL byte in a variable", service('environment: { clear: { A: "a\\0b" } }'), nul],
  ["a NUL byte in a volume", service('volumes: ["/srv/a\\0b:/app"]'), nul],
  ["a NUL byte in a key", service('environment: { clear: { "a\\0b": 1 } }'), "8 has a key with a NUL byte"],
  [
    "a command as the registry's username",
    top("builder: { registry: { server: r.example.com, username: $(id -un), password: TOKEN } }"),
    "8 builder.registry.username: cannot be a command (only password can); use the user's name, or the name of a secret in capitals"
  ],
  [
    "a volume in the home folder",
    service("volumes: ['~/data:/app']"),
    "8 services.web.volumes[0]: must use an absolute path on the server, such as /home/deploy/data:/data; `~` does not work here"
  ],
  [
    "a volume's unknown option",
    service("volumes: ['data:/app:rx']"),
    '8 services.web.volumes[0]: has the unknown option "rx"; use ro or rw'
  ],
  [
    "two volumes with the same target",
    service("volumes: ['a:/app', 'b:/app/']"),
    "8 services.web.volumes[1]: mounts a second volume at /app/"
  ],
  [
    "an invalid variable name",
    service("environment: { clear: { A-B: 1 } }"),
    "8 services.web.environment.clear.A-B: must be a variable name of letters, digits and _, such as LOG_LEVEL"
  ],
  [
    "a variable without a value",
    service("environment: { clear: { A: } }"),
    "8 services.web.environment.clear.A: must be a string, a number, or true or false, but is empty"
  ],
  [
    "a variable that is a list",
    service("environment: { clear: { A: [b] } }"),
    "8 services.web.environment.clear.A: must be a string, a number, or true or false, not a list"
  ],
  [
    "the value of a secret instead of its name",
    service("environment: { secrets: [TOKEN=hunter2] }"),
    "8 services.web.environment.secrets[0]: must be the name of a secret in capitals, such as API_TOKEN, not this string"
  ],
  [
    "a secret with a name that the engine's client interprets",
    service("environment: { secrets: [HOME] }"),
    "8 services.web.environment.secrets[0]: HOME cannot be a container's secret, because the engine's client uses this variable itself; choose another name, or put it under clear if it is not secret"
  ],
  [
    "a duplicate secret",
    service("environment: { secrets: [A, A] }"),
    "8 services.web.environment.secrets[1]: repeats A"
  ],
  [
    "a variable that is also a secret",
    service("environment: { secrets: [A], clear: { A: 1 } }"),
    "8 services.web.environment.secrets[0]: A is also under clear; remove one of them"
  ],
  ["a list as the whole file", "- a\n- b\n", "1 must be a map, not a list"],
  ["a word as the whole file", "hello\n", '1 must be a map, not "hello"']
]

describe("reports", () => {
  for (const [protects, text, problem] of table) {
    it.live(protects, () =>
      Effect.gen(function* () {
        expect(yield* problemsOf(text)).toEqual([problem])
      })
    )
  }
})

it.live("reports all problems at once, in the order of the file", () =>
  Effect.gen(function* () {
    const text = `project: Shop
ssh: { prot: 22 }
servers:
  web1: { host: a, port: 0 }
services:
  web: { image: nginx, hosts: [web2] }
  web: { image: nginx, hosts: [web1] }
`
    expect(yield* problemsOf(text)).toEqual([
      `1 project: ${name}, not "Shop"`,
      "2 ssh.prot: is not a known key; did you mean `port`?",
      `4 servers.web1.port: ${port}, not 0`,
      "6 services.web.hosts[0]: web2 is not under servers; did you mean `web1`?",
      "7 repeats the key `web` of line 6"
    ])
  })
)

/** Adds a second service to the smallest file, whose service publishes 8080 on web1. */
const two = (hosts: string, ports: string) =>
  `${smallest}    ports: ["8080:80"]
  api: { image: nginx, hosts: [${hosts}], ports: [${ports}] }
`.replace("servers:", "servers:\n  web2: { host: b }")

it.live("reports a port that two services publish on the same server", () =>
  Effect.gen(function* () {
    expect(yield* problemsOf(two("web1, web2", '"0.0.0.0:8080:81"'))).toEqual([
      "10 services.api.ports[0]: publishes port 8080 on web1, which web already publishes (8080:80)"
    ])
    // No conflict: another server, another protocol, or a port that the engine chooses.
    yield* loadText(two("web2", '"8080:81"'))
    yield* loadText(two("web1", '"8080:81/udp", "80"'))
  })
)

it.live("fails with a remedy and the exit code for configuration errors", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(loadText(smallest.replace("shop", "Shop")))
    expect([error._tag, error.exitCode]).toEqual(["ConfigInvalid", 78])
    expect(error.remedy).toBe("Fix this line.")
  })
)
