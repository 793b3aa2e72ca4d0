import { describe } from "bun:test"

import { smallest } from "./project.ts"
import { service, name, nul, testProblems } from "./problems.ts"

describe("reports", () => {
  testProblems([
    ["an invalid service name", smallest.replace("  web:", "  -web:"), `5 services.-web: ${name}`],
    [
      "the name of a built-in object property",
      smallest.replace("  web:", "  __proto__:"),
      `5 services.__proto__: ${name}`
    ],
    [
      "an infinite number",
      service("retain: .inf"),
      "8 services.web.retain: must be a whole number from 1 to 1000, not Infinity"
    ],
    ["a fraction", service("retain: 1.5"), "8 services.web.retain: must be a whole number from 1 to 1000, not 1.5"],
    ["a timeout of zero", service("health: { timeout: 0s }"), "8 services.web.health.timeout: must be at least 1ms"],
    [
      "a timeout that is too long",
      service("health: { timeout: 99999h }"),
      "8 services.web.health.timeout: must be at most 24h"
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
    ]
  ])
})
