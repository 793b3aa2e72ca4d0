import { expect, test } from "bun:test"
import { parseEngineError } from "../../../src/layers/docker/DockerError.ts"

const parse = (engine: string, reference: string, stderr: string) =>
  parseEngineError(
    { machine: "web1", engine, operation: `pull ${reference}`, reference },
    { stdout: "", stderr, exitCode: 1 }
  )

const hex = (digit: string) => `sha256:${digit.repeat(64)}`
const reference = `localhost:9270/shop-web@${hex("1")}`

const messages = [
  [
    "docker",
    `4f2ebd2e: Pulling fs layer\n4f2ebd2e: Download complete\nfilesystem layer verification failed for digest ${hex("2")}`
  ],
  ["docker", `image config verification failed for digest ${hex("2")}`],
  ["docker", `manifest verification failed for digest ${hex("2")}`],
  [
    "docker",
    `failed to copy: httpReadSeeker: failed commit on ref "layer-${hex("2")}": unexpected commit digest ${hex("3")}, expected ${hex("2")}: failed precondition`
  ],
  ["docker", `error pulling image configuration: digest mismatch: ${hex("2")}`],
  [
    "podman",
    `Copying blob ${hex("2")}\nError: writing blob: Digest did not match, expected ${hex("2")}, got ${hex("3")}`
  ],
  ["podman", `Error: manifest does not match provided manifest digest ${hex("2")}`],
  ["podman", 'Error: writing blob: storing blob to file "/var/tmp/storage1/1": gzip: invalid checksum'],
  ["podman", 'Error: writing blob: storing blob to file "/var/tmp/storage1/1": flate: corrupt input before offset 512'],
  ["podman", "Error: writing blob: adding layer: archive/tar: invalid tar header"],
  ["podman", `Error: Download config.json digest ${hex("2")} does not match expected ${hex("3")}`]
] as const

for (const [engine, stderr] of messages) {
  const last = stderr.split("\n").at(-1) ?? ""
  test(`recognizes wrong bytes from a registry: ${engine}: ${last.replaceAll(/sha256:\w+/g, "DIGEST")}`, () => {
    const error = parse(engine, reference, stderr)
    expect(error._tag).toBe("DigestMismatch")
    expect(error.message).toContain(last)
  })
}

test("advises to empty the local registry, but to push again to any other", () => {
  const remedy = (reference: string) =>
    parse("docker", reference, `layer verification failed for digest ${hex("2")}`).remedy
  expect(remedy(reference)).toContain("jiji registry remove")
  expect(remedy("ghcr.io/octocat/shop/web:v1")).toContain("push the image again")
})

test("reports a missing layer as a missing image", () => {
  const messages = [
    "unknown blob",
    "Error: fetching blob: blob unknown to registry",
    "Error: parsing image configuration: Error fetching blob: invalid status code from registry 404 (Not Found)"
  ]
  for (const stderr of messages) {
    expect(parse("docker", reference, stderr)._tag).toBe("ImageNotFound")
  }
})
