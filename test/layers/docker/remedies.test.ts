import { expect, test } from "bun:test"
import { ContainerNotStarted } from "../../../src/layers/docker/DockerError.ts"
import { RegistryNotResolved } from "../../../src/layers/docker/RemoteRegistryError.ts"

test("an engine that cannot connect a container to its network is not blamed on the image", () => {
  const failed = (detail: string) => new ContainerNotStarted({ server: "web1", service: "web", detail, keepsOld: true })
  for (const detail of [
    "failed to create endpoint shop-web on network bridge: could not find bridge docker0: route ip+net: no such network interface",
    "netavark: unable to append rule"
  ]) {
    expect(failed(detail).remedy).toStartWith("The engine's network is broken on the server.")
  }
  expect(failed('exec: "/nope": no such file or directory').remedy).toStartWith("Fix the image's ENTRYPOINT or CMD")
})

test("the remedy for a registry's unknown host name asks DNS for the name without the port", () => {
  const error = (reference: string) =>
    new RegistryNotResolved({ reference, machine: "web1", engine: "docker", detail: "no such host" })
  expect(error("registry.example.com:5000/shop-web:v1").remedy).toContain("`getent hosts registry.example.com`")
  expect(error("registry.example.com/shop-web:v1").remedy).toContain("`getent hosts registry.example.com`")
})
