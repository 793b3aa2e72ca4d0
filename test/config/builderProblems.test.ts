import { describe } from "bun:test"

import { top, testProblems } from "./problems.ts"

describe("reports", () => {
  testProblems([
    [
      "builds on another machine",
      top("builder: { local: false }"),
      "8 builder.local: can only be true; to build on another machine, use remote"
    ],
    [
      "a builder that is no server",
      top("builder: { remote: web2 }"),
      "8 builder.remote: web2 is not under servers; did you mean `web1`?"
    ],
    [
      "a builder that is neither a server nor an address",
      top("builder: { remote: https://build.example.com }"),
      '8 builder.remote: must be the name of a server, or ssh://user@host with an optional :port, not "https://build.example.com"'
    ],
    [
      "a builder that is this machine and another one",
      top("builder: { local: true, remote: web1 }"),
      "8 builder.remote: cannot be used with local, which builds on this machine; remove one of them"
    ],
    [
      "a builder that cannot push to a registry container",
      top("builder: { remote: web1, registry: { type: local, engine: container } }"),
      "8 builder.remote: cannot be used with registry.engine: container, which only this machine can push to; remove one of them"
    ],
    [
      "a server with the name of a builder that is none",
      top("builder: { remote: ssh://build.example.com }").replaceAll("web1", "builder"),
      "8 builder.remote: must be the name of a server, because one of the servers is named builder; or rename that server"
    ],
    [
      "an unknown engine",
      top("builder: { engine: dokcer }"),
      '8 builder.engine: must be docker or podman, not "dokcer"'
    ],
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
      "a command as the registry's username",
      top("builder: { registry: { server: r.example.com, username: $(id -un), password: TOKEN } }"),
      "8 builder.registry.username: cannot be a command (only password can); use the user's name, or the name of a secret in capitals"
    ]
  ])
})
