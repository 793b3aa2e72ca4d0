import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"
import { service, top, name, port, testProblems } from "./problems.ts"

describe("reports", () => {
  testProblems([
    ["a name with capitals", smallest.replace("shop", "Shop!"), `1 project: ${name}, not "Shop!"`],
    ["a project that is not a string", smallest.replace("shop", "{ a: 1 }"), `1 project: ${name}, not a map`],
    ["a missing project", smallest.replace("project: shop\n", ""), "1 project: is missing"],
    ["an unknown key", top("sevices: {}"), "8 sevices: is not a known key; did you mean `services`?"],
    [
      "an unknown key that is similar to no other",
      top("health: {}"),
      "8 health: is not a known key; use project, builder, ssh, proxy, servers, services, deploy, aliases, hooks or triggers"
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
    ["a list as the whole file", "- a\n- b\n", "1 must be a map, not a list"],
    ["a word as the whole file", "hello\n", '1 must be a map, not "hello"']
  ])
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
