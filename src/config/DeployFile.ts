import { Effect, Schema } from "effect"
import { duration } from "./duration.ts"
import {
  anyText,
  checkedText,
  name,
  portDigits,
  portNumber,
  scalar,
  secretName,
  variableSecret,
  text,
  variableName
} from "./fields.ts"
import { HookSchema } from "./hooks.ts"
import { referenceFault } from "./ImageReference.ts"
import { parsePort } from "./ports.ts"
import { parseVolume } from "./volumes.ts"

const optional = Schema.optionalKey

/** A default is written as the file would have it. */
const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

const hostName = "([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?)"
const userName = "[A-Za-z0-9_][A-Za-z0-9._@\\\\-]*\\$?"

const connection = {
  user: optional(
    text("a user's name", new RegExp(`^${userName}$`, "u"), {
      description: "User to log in as. ~/.ssh/config decides where it is left out, then the local user's name.",
      examples: ["deploy"]
    })
  ),
  port: optional(portNumber({ description: "Port of sshd. ~/.ssh/config decides where it is left out, then 22." })),
  keys: optional(
    Schema.Array(anyText("the path of a private key")).annotate({
      description:
        "Private key files, absolute, from the home folder (~/), or relative to the project. The agent, ~/.ssh/config and the default identities are used where there are none."
    })
  ),
  passphrase: optional(
    secretName({ description: "Name of the secret that unlocks the keys.", examples: ["SSH_PASSPHRASE"] })
  ),
  proxy: optional(
    text(
      "a jump host such as bastion.example.com or deploy@bastion.example.com:2222",
      new RegExp(
        `^(${userName}@)?([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:${portDigits})?$`,
        "u"
      ),
      {
        description: "Jump host that the connection goes through: [user@]host[:port].",
        examples: ["bastion.example.com"]
      }
    )
  )
}

const Ssh = Schema.Struct({
  ...connection,
  host_keys: or(
    Schema.Literals(["strict", "accept-new"]).annotate({
      description:
        "What happens with a server whose key is not in known_hosts: strict refuses it, accept-new records it. A changed key is always refused.",
      default: "accept-new"
    }),
    "accept-new"
  ),
  known_hosts: or(
    anyText("the path of a file", {
      description: "File of known host keys: absolute, from the home folder (~/), or relative to the project.",
      default: "~/.ssh/known_hosts"
    }),
    "~/.ssh/known_hosts"
  ),
  connect_timeout: or(
    duration(1, {
      description: "How long opening a connection may take.",
      default: "10s",
      examples: ["10s"]
    }),
    "10s"
  )
}).annotate({ description: "How servers are reached, unless a server says otherwise." })

const Server = Schema.Struct({
  host: text("an address or a host's name, without user and port", new RegExp(`^${hostName}$`, "u"), {
    description: "Address or name to connect to; a Host of ~/.ssh/config too.",
    examples: ["203.0.113.10"]
  }),
  arch: optional(
    Schema.Literals(["amd64", "arm64", "arm/v7", "arm/v6", "riscv64", "ppc64le", "s390x"]).annotate({
      description:
        "What images for this server are built for; where it is left out, what the builder is. An image that the server cannot run is an error."
    })
  ),
  ...connection
}).annotate({ description: "An SSH target. What it leaves out is taken from `ssh`." })

const LocalRegistry = Schema.Struct({
  type: Schema.Literal("local").annotate({ description: "Nothing to run and nothing to log in to." }),
  port: or(
    portNumber({
      description: "Port that images are named by, and that servers pull from.",
      default: 9270
    }),
    9270
  ),
  engine: or(
    Schema.Literals(["builtin", "container"]).annotate({
      description:
        "What keeps the images: jiji itself, with nothing that runs between deploys, or a registry in a container of this machine's engine, for those who share one.",
      default: "builtin"
    }),
    "builtin"
  ),
  image: optional(
    Schema.String.check(Schema.makeFilter(referenceFault, { toJsonSchema: () => [{}, true] })).annotate({
      description: "Image of the registry's container, with engine: container. registry:3 where it is left out.",
      examples: ["registry:3"]
    })
  )
}).annotate({ description: "Images stay on this machine; servers pull them through the SSH connection." })

const RemoteRegistry = Schema.Struct({
  type: optional(
    Schema.Literal("remote").annotate({
      description: "May be left out: a registry with a server is remote.",
      expected: "local or remote"
    })
  ),
  server: text(
    "a registry's host such as ghcr.io or registry.example.com:5000, without https:// and path",
    new RegExp(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:${portDigits})?$`, "u"),
    { description: "Host of the registry, with its port where that is not 443.", examples: ["ghcr.io"] }
  ),
  namespace: optional(
    text("names of letters, digits, - and _, with / between them", /^[A-Za-z0-9]+([._/-]+[A-Za-z0-9]+)*$/u, {
      description:
        "What stands between the server and the image's name, in place of what is derived from username: ghcr.io/NAMESPACE/SERVICE, and SERVER/NAMESPACE/PROJECT-SERVICE anywhere else.",
      examples: ["acme/shop"]
    })
  ),
  username: optional(
    anyText("a string", {
      description: "User of the registry, or a secret's name in capitals. GHCR and Docker Hub name images by it.",
      examples: ["octocat"]
    })
  ),
  password: optional(
    anyText("a string", {
      description:
        "Name of the secret, in capitals, that holds the password or token; or `$(command)`, a command that prints it.",
      examples: ["GITHUB_TOKEN"]
    })
  )
}).annotate({ description: "Images are pushed to a registry, and servers pull them from there." })

const Builder = Schema.Struct({
  engine: or(
    Schema.Literals(["docker", "podman"]).annotate({
      description: "Program that builds images here and runs containers on the servers.",
      default: "docker"
    }),
    "docker"
  ),
  local: optional(
    Schema.Literal(true).annotate({
      description: "Images are built on this machine; there is no other way, so the key may be left out.",
      message: "can only be true: jiji always builds images on this machine"
    })
  ),
  registry: or(
    Schema.Union([LocalRegistry, RemoteRegistry]).annotate({
      description: "Where images are kept between the build and the servers. The local registry where it is left out."
    }),
    { type: "local" }
  )
}).annotate({ description: "How images are built and where they are kept." })

const Build = Schema.Struct({
  context: or(
    text("a folder", /^(?!.*:\/\/).*\S/u, {
      description: "Folder that is given to the build, relative to the project.",
      default: ".",
      examples: ["."]
    }),
    "."
  ),
  dockerfile: or(
    anyText("the path of a Dockerfile", {
      description: "The Dockerfile, relative to the context.",
      default: "Dockerfile",
      examples: ["Dockerfile"]
    }),
    "Dockerfile"
  ),
  args: or(
    Schema.Record(variableName(), scalar()).annotate({
      description: "Build arguments. They stay readable in the image.",
      default: {}
    }),
    {}
  ),
  target: optional(
    text("a stage's name", /^[A-Za-z0-9][A-Za-z0-9_.-]*$/u, {
      description: "Stage of the Dockerfile to build.",
      examples: ["app"]
    })
  )
}).annotate({ description: "How the image is built." })

const Environment = Schema.Struct({
  clear: or(
    Schema.Record(variableName(), scalar()).annotate({
      description: "Variables and their values, taken literally.",
      default: {}
    }),
    {}
  ),
  secrets: or(
    Schema.Array(variableSecret()).annotate({
      description: "Names of secrets; each becomes the variable of that name.",
      default: []
    }),
    []
  )
}).annotate({ description: "The container's environment." })

const Health = Schema.Struct({
  running_for: or(
    duration(0, {
      description: "How long a container without a HEALTHCHECK must have been running to count as healthy.",
      default: "1s",
      examples: ["1s"]
    }),
    "1s"
  ),
  timeout: or(
    duration(1, {
      description: "How long a container may take to become healthy.",
      default: "60s",
      examples: ["60s"]
    }),
    "60s"
  )
}).annotate({ description: "When a new container counts as healthy." })

const fault =
  (parse: (value: string) => unknown) =>
  (value: string): string | undefined => {
    const parsed = parse(value)
    return typeof parsed === "string" ? parsed : undefined
  }

const Service = Schema.Struct({
  build: optional(Build),
  image: optional(
    Schema.String.check(Schema.makeFilter(referenceFault, { toJsonSchema: () => [{}, true] })).annotate({
      description: "Image to run as it is, in place of `build`.",
      examples: ["nginx:1.27"]
    })
  ),
  hosts: Schema.Array(name())
    .check(Schema.isMinLength(1, { expected: "a list with at least one server's name" }))
    .annotate({ description: "Names of the servers it runs on." }),
  ports: or(
    Schema.Array(
      checkedText(fault(parsePort), {
        description: "[address:][port on the server:]port of the container[/udp]",
        examples: ["8080:80"]
      })
    ).annotate({ description: "Ports that are published on the server.", default: [] }),
    []
  ),
  volumes: or(
    Schema.Array(
      checkedText(fault(parseVolume), {
        description: "volume or folder on the server:path in the container[:ro]",
        examples: ["data:/var/lib/app"]
      })
    ).annotate({
      description: "What is mounted. A named volume is the project's own: `data` becomes PROJECT_data.",
      default: []
    }),
    []
  ),
  environment: or(Environment, {}),
  command: optional(
    Schema.Array(scalar())
      .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
      .annotate({ description: "Words of the command that the container runs, in place of the image's own." })
  ),
  retain: or(
    Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: 1000 }, { expected: "a whole number from 1 to 1000" })
    ).annotate({
      description: "How many versions of the image are kept on a server.",
      default: 3
    }),
    3
  ),
  health: or(Health, {})
}).annotate({ description: "A container, from its image to where and how it runs." })

/** deploy.yml, with its environment's file laid over it. Every key is described here, and nowhere else. */
export const DeployFile = Schema.Struct({
  project: name({ description: "The project's name; images, containers and volumes carry it.", examples: ["shop"] }),
  builder: or(Builder, {}),
  ssh: or(Ssh, {}),
  servers: Schema.Record(name(), Server)
    .check(Schema.isMinProperties(1, { expected: "a map with at least one server" }))
    .annotate({ description: "SSH targets by name." }),
  services: Schema.Record(name(), Service)
    .check(Schema.isMinProperties(1, { expected: "a map with at least one service" }))
    .annotate({ description: "Containers to deploy, by name." }),
  hooks: or(
    Schema.Record(name(), HookSchema).annotate({ description: "Commands to run on events, by name.", default: {} }),
    {}
  )
}).annotate({ title: "jiji deploy.yml", description: "What jiji deploys, and where." })
export type DeployFile = typeof DeployFile.Type
