import { describe, expect, test } from "bun:test"
import * as DockerError from "../../../src/layers/docker/DockerError.ts"
import * as Remote from "../../../src/layers/docker/RemoteRegistryError.ts"
import { ExitCode, isFailure } from "../../../src/core/Failure.ts"

const reference = "ghcr.io/me/shop/web:v1"

const error = (engine: string, stderr: string, exitCode = 1, machine = "web1") =>
  DockerError.parseEngineError(
    { machine, engine, operation: `pull ${reference}`, reference },
    { stdout: "", stderr, exitCode }
  )

/** What the engines themselves print, by what it means. */
const said: Readonly<Record<string, ReadonlyArray<readonly [engine: string, words: string]>>> = {
  EngineForbidden: [
    [
      "docker",
      'Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/json": dial unix /var/run/docker.sock: connect: permission denied'
    ],
    [
      "docker",
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": dial unix /var/run/docker.sock: connect: permission denied'
    ],
    [
      "podman",
      'Error: unable to connect to Podman socket: Get "http://d/v4.3.1/libpod/_ping": dial unix /run/podman/podman.sock: connect: permission denied'
    ]
  ],
  EngineDown: [
    ["docker", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"],
    [
      "podman",
      "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`, or try `podman machine init` and `podman machine start` to manage a new Linux VM"
    ]
  ],
  DiskFull: [
    ["docker", "write /var/lib/docker/tmp/GetImageBlob2837: no space left on device"],
    [
      "podman",
      'Error: writing blob: storing blob to file "/var/tmp/storage1/1": write /var/tmp/storage1/1: no space left on device'
    ]
  ],
  RegistryRefused: [
    ["docker", 'Error response from daemon: Head "https://ghcr.io/v2/me/shop/web/manifests/v1": unauthorized'],
    ["docker", 'Error response from daemon: Get "https://ghcr.io/v2/": denied: denied'],
    ["docker", "unauthenticated: User cannot be authenticated with the token provided."],
    ["docker", "no basic auth credentials"],
    [
      "docker",
      "Error response from daemon: login attempt to https://registry.example.com/v2/ failed with status: 401 Unauthorized"
    ],
    ["docker", "unauthorized: authentication required"],
    ["podman", 'Error: logging into "registry.example.com": invalid username/password'],
    [
      "podman",
      "Error: initializing source docker://ghcr.io/me/shop/web:v1: reading manifest v1 in ghcr.io/me/shop/web: unauthorized: authentication required"
    ],
    [
      "podman",
      "Error: initializing source docker://ghcr.io/me/shop/web:v1: Requesting bearer token: invalid status code from registry 401 (Unauthorized)"
    ]
  ],
  RegistryForbidden: [
    ["docker", "denied: permission_denied: write_package"],
    ["docker", "denied: permission_denied: The token provided does not match expected scopes."],
    ["docker", "denied: installation not allowed to Create organization package"],
    ["docker", "denied: requested access to the resource is denied"],
    ["docker", "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value"],
    ["docker", "Error response from daemon: login attempt to https://ghcr.io/v2/ failed with status: 403 Forbidden"],
    [
      "podman",
      "Error: initializing source docker://ghcr.io/me/shop/web:v1: Requesting bear token: invalid status code from registry 403 (Forbidden)"
    ]
  ],
  ImageNotFound: [
    [
      "docker",
      "Error response from daemon: manifest for localhost:9270/shop-web:v1 not found: manifest unknown: manifest unknown"
    ],
    [
      "docker",
      "Error response from daemon: pull access denied for nosuchimage, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    ],
    [
      "podman",
      "Error: initializing source docker://localhost:9270/shop-web:v1: reading manifest v1 in localhost:9270/shop-web: manifest unknown: manifest unknown"
    ],
    [
      "podman",
      "Error: initializing source docker://localhost:9270/nope:v1: reading manifest v1 in localhost:9270/nope: name unknown: repository name not known to registry"
    ]
  ],
  RegistryRateLimited: [
    ["docker", "toomanyrequests: retry-after: 1.2s, allowed: 44000/minute"],
    [
      "docker",
      "Error response from daemon: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
    ],
    ["docker", "received unexpected HTTP status: 429 Too Many Requests"],
    ["podman", "Error: initializing source docker://a/b:1: too many requests to registry"]
  ],
  RegistryUntrusted: [
    [
      "docker",
      'Error response from daemon: Get "https://192.0.2.1/v2/": x509: certificate signed by unknown authority'
    ],
    [
      "podman",
      'Error: pinging container registry 192.0.2.1: Get "https://192.0.2.1/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority'
    ]
  ],
  RegistryWithoutTls: [
    [
      "docker",
      'Error response from daemon: Get "https://192.0.2.1/v2/": http: server gave HTTP response to HTTPS client'
    ],
    ["docker", 'Get "https://192.0.2.1/v2/": tls: first record does not look like a TLS handshake']
  ],
  RegistryNotResolved: [
    [
      "docker",
      'Error response from daemon: Get "https://nope.invalid/v2/": dial tcp: lookup nope.invalid: no such host'
    ],
    [
      "podman",
      'Error: initializing source docker://nope.invalid/x:1: pinging container registry nope.invalid: Get "https://nope.invalid/v2/": dial tcp: lookup nope.invalid on 127.0.0.53:53: no such host'
    ]
  ],
  RegistryTimedOut: [
    ["docker", 'Error response from daemon: Get "https://ghcr.io/v2/": net/http: TLS handshake timeout'],
    ["docker", 'Get "https://192.0.2.1/v2/": dial tcp 192.0.2.1:443: i/o timeout'],
    [
      "docker",
      'Error response from daemon: Get "https://192.0.2.1/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)'
    ],
    [
      "docker",
      'Error response from daemon: Get "https://nope.invalid/v2/": dial tcp: lookup nope.invalid on 127.0.0.53:53: server misbehaving'
    ]
  ],
  RegistryLost: [
    ["docker", 'Error response from daemon: Get "http://localhost:9270/v2/": EOF'],
    [
      "docker",
      'Patch "https://ghcr.io/v2/me/a/blobs/uploads/1": write tcp 10.0.0.1:1->10.0.0.2:443: write: broken pipe'
    ],
    ["podman", 'Error: writing blob: Patch "https://ghcr.io/v2/me/a/blobs/uploads/1": read: connection reset by peer']
  ],
  RegistryFailing: [
    ["docker", "received unexpected HTTP status: 503 Service Unavailable"],
    ["docker", "unknown: unknown error"],
    [
      "docker",
      "Error response from daemon: login attempt to https://registry.example.com/v2/ failed with status: 500 Internal Server Error"
    ],
    ["podman", "Error: trying to reuse blob: received unexpected HTTP status: 502 Bad Gateway"],
    ["podman", "Error: pinging container registry a: invalid status code from registry 504 (Gateway Timeout)"]
  ],
  RegistryFull: [["docker", "received unexpected HTTP status: 507 Insufficient Storage"]],
  RegistryUnreachable: [
    [
      "docker",
      'Error response from daemon: Get "http://localhost:9270/v2/": dial tcp 127.0.0.1:9270: connect: connection refused'
    ],
    [
      "podman",
      'Error: initializing source docker://localhost:1/x:1: pinging container registry localhost:1: Get "https://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'
    ]
  ],
  EngineFailed: [
    ["docker", "Error response from daemon: something that nobody has seen yet"],
    ["podman", "Error: something that nobody has seen yet"],
    ["docker", ""]
  ]
}

for (const [tag, all] of Object.entries(said))
  describe(`recognizes ${tag}`, () => {
    for (const [engine, words] of all)
      test(`from ${engine}: ${words.slice(0, 100)}`, () => {
        const found = error(engine, `some line before\n${words}\n`)
        expect(found._tag as string).toBe(tag)
        expect(found.message).toContain(words)
      })
  })

test("does not quote preceding warnings", () => {
  const warnings =
    "DEPRECATED: The legacy builder is deprecated.\n  Install buildx: https://docs.docker.com/go/buildx/\n\nWARNING: no swap\n"
  const down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
  expect(error("docker", `${warnings}${down}\n`).message).toBe(`docker does not answer on web1: ${down}`)
  const denied = "unauthorized: authentication required\nsee the registry's manual"
  expect(error("docker", `${warnings}${denied}\n`)).toMatchObject({ _tag: "RegistryRefused", detail: denied })
  const other = "Error response from daemon: nobody has seen this yet"
  expect(error("docker", `${warnings}${other}\n`)).toMatchObject({ _tag: "EngineFailed", detail: other })
})

test("exit code 127 means that the engine is missing", () => {
  const missing = error("docker", "sh: 1: docker: not found\n", 127)
  expect(missing.message).toBe("docker is not installed on web1.")
  expect(missing.exitCode).toBe(ExitCode.unavailable)
})

test("recognizes registry errors only when a registry is involved", () => {
  const context = { machine: "web1", engine: "docker", operation: "replace the container of web" }
  const output = { stdout: "", stderr: "denied: connection refused, manifest unknown", exitCode: 1 }
  expect(DockerError.parseEngineError(context, output)._tag).toBe("EngineFailed")
})

test("quotes only the last lines of long output, and stdout if stderr is empty", () => {
  const lines = Array.from({ length: 30 }, (_, n) => `line ${n}`).join("\n")
  expect(error("docker", `${lines}\n`).message).toEndWith("(exit code 1): line 25\nline 26\nline 27\nline 28\nline 29")
  const silent = DockerError.parseEngineError(
    { machine: "local", engine: "docker", operation: "save" },
    { stdout: "out\n", stderr: "\n", exitCode: 2 }
  )
  expect(silent.message).toBe("docker failed to save on this machine (exit code 2): out")
})

test("every error has a sentence, a remedy and an exit code", () => {
  const where = { machine: "web1", engine: "podman" }
  const about = { server: "web1", service: "web" }
  const all = [
    new DockerError.EngineMissing(where),
    new DockerError.EngineDown({ ...where, detail: "no" }),
    new DockerError.EngineForbidden({ ...where, detail: "no" }),
    new DockerError.DiskFull({ ...where, detail: "no" }),
    new Remote.RegistryRefused({ ...where, reference, detail: "no" }),
    new Remote.RegistryForbidden({ ...where, reference, detail: "no" }),
    new Remote.RegistryRateLimited({ ...where, reference, detail: "no" }),
    new Remote.RegistryUntrusted({ ...where, reference, detail: "no" }),
    new Remote.RegistryWithoutTls({ ...where, reference, detail: "no" }),
    new Remote.RegistryNotResolved({ ...where, reference, detail: "no" }),
    new Remote.RegistryTimedOut({ ...where, reference, detail: "no" }),
    new Remote.RegistryLost({ ...where, reference, detail: "no" }),
    new Remote.RegistryFull({ ...where, reference, detail: "no" }),
    new Remote.RegistryFailing({ ...where, reference, detail: "no" }),
    new Remote.RegistryUnreachable({ ...where, reference, detail: "no" }),
    new Remote.ImageNotFound({ ...where, reference, detail: "no" }),
    new DockerError.BuildFailed({ service: "web", code: 2, log: "line" }),
    new DockerError.ArchitectureMismatch({ ...about, image: "arm64", needed: "amd64" }),
    new DockerError.ContainerUnhealthy({ ...about, reason: "is unhealthy", log: "" }),
    new DockerError.ContainerNotStarted({ ...about, detail: "no" }),
    new DockerError.PortTaken({ ...about, detail: "no" }),
    new DockerError.ContainerForeign({ server: "web1", engine: "podman", name: "shop-web" }),
    new DockerError.ContainerBusy({ server: "web1", name: "shop-web", holder: "" }),
    new DockerError.EngineFailed({ ...where, operation: "pull", code: 1, detail: "no" }),
    new DockerError.EngineUnclear({ ...where, operation: "pull", reason: "no" })
  ]
  expect(all.map((each) => [each._tag, each.exitCode])).toEqual([
    ["EngineMissing", 69],
    ["EngineDown", 69],
    ["EngineForbidden", 77],
    ["DiskFull", 1],
    ["RegistryRefused", 77],
    ["RegistryForbidden", 77],
    ["RegistryRateLimited", 69],
    ["RegistryUntrusted", 69],
    ["RegistryWithoutTls", 69],
    ["RegistryNotResolved", 69],
    ["RegistryTimedOut", 69],
    ["RegistryLost", 69],
    ["RegistryFull", 1],
    ["RegistryFailing", 69],
    ["RegistryUnreachable", 69],
    ["ImageNotFound", 1],
    ["BuildFailed", 1],
    ["ArchitectureMismatch", 1],
    ["ContainerUnhealthy", 1],
    ["ContainerNotStarted", 1],
    ["PortTaken", 1],
    ["ContainerForeign", 1],
    ["ContainerBusy", 1],
    ["EngineFailed", 1],
    ["EngineUnclear", 1]
  ])
  for (const each of all) {
    expect(isFailure(each)).toBe(true)
    expect(each.message).not.toContain("undefined")
    expect(each.remedy).toEndWith(".")
  }
  const unhealthy = all.find(({ _tag }) => _tag === "ContainerUnhealthy")
  expect(unhealthy?.message).toBe(
    "The new container of web on web1 is unhealthy; the old one, if any, keeps running. The new container's log is empty."
  )
})

test("explains how to log in when a build may not pull its base image", () => {
  const log = "pull access denied for ghcr.io/me/base, repository does not exist or may require 'docker login': denied"
  expect(new DockerError.BuildFailed({ service: "web", code: 1, log }).remedy).toContain("jiji registry login")
  expect(new DockerError.BuildFailed({ service: "web", code: 1, log: "cc: not found" }).remedy).toContain("Dockerfile")
})
