import { Effect, Schema } from "effect"
import { aliasesKey } from "./aliases.ts"
import { containerFields } from "./containerSettings.ts"
import { duration } from "./duration.ts"
import {
  type Docs,
  anyText,
  checkedText,
  name,
  namePattern,
  portDigits,
  portNumber,
  scalar,
  secretName,
  variableSecret,
  text,
  variableName
} from "./fields.ts"
import { parseStatus } from "./health.ts"
import { HookSchema } from "./hooks.ts"
import { referenceFault } from "./ImageReference.ts"
import { filesKey } from "./mountedFiles.ts"
import { parsePort } from "./ports.ts"
import { ProxySchema, ServiceProxySchema } from "./proxy.ts"
import { TriggerSchema } from "./triggers.ts"
import { parseVolume } from "./volumes.ts"

const optional = Schema.optionalKey

/** Sets the default of a key, in the form in which the file would contain it. */
const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

const hostName = "([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9]+)?)"
const userName = "[A-Za-z0-9_][A-Za-z0-9._@\\\\-]*\\$?"

/** `[user@]host[:port]` */
const sshAddress = `(${userName}@)?([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:${portDigits})?`

const connection = {
  user: optional(
    text("a user's name", new RegExp(`^${userName}$`, "u"), {
      description: "User to log in as. Default: ~/.ssh/config, then your local user name.",
      examples: ["deploy"]
    })
  ),
  port: optional(portNumber({ description: "Port of sshd. Default: ~/.ssh/config, then 22." })),
  keys: optional(
    Schema.Array(anyText("the path of a private key")).annotate({
      description:
        "Private key files: absolute, below your home folder (~/), or relative to the project. If set, jiji offers only these keys. Default: the agent, ~/.ssh/config and the default identities."
    })
  ),
  passphrase: optional(
    secretName({ description: "Name of the secret that unlocks the keys.", examples: ["SSH_PASSPHRASE"] })
  ),
  proxy: optional(
    text(
      "a jump host such as bastion.example.com or deploy@bastion.example.com:2222",
      new RegExp(`^${sshAddress}$`, "u"),
      {
        description: "Jump host: [user@]host[:port].",
        examples: ["bastion.example.com"]
      }
    )
  )
}

const Ssh = Schema.Struct({
  ...connection,
  host_keys: optional(
    Schema.Literals(["strict", "accept-new"]).annotate({
      description:
        "What to do if a server's key is not in known_hosts: strict refuses it, accept-new records it. jiji always refuses a changed key. Default: StrictHostKeyChecking in ~/.ssh/config, then accept-new."
    })
  ),
  known_hosts: optional(
    anyText("the path of a file", {
      description:
        "File of known host keys: absolute, below your home folder (~/), or relative to the project. Default: UserKnownHostsFile in ~/.ssh/config, then ~/.ssh/known_hosts."
    })
  ),
  connect_timeout: optional(
    duration(1, {
      description: "Time limit for opening a connection. Default: ConnectTimeout in ~/.ssh/config, then 10s.",
      examples: ["10s"]
    })
  )
}).annotate({ description: "How to reach the servers. Each server can override these keys." })

const architectures = ["amd64", "arm64", "arm/v7", "arm/v6", "riscv64", "ppc64le", "s390x"] as const

const Server = Schema.Struct({
  host: text("an address or a host's name, without user and port", new RegExp(`^${hostName}$`, "u"), {
    description: "Address or name to connect to, or a Host of ~/.ssh/config.",
    examples: ["203.0.113.10"]
  }),
  arch: optional(
    Schema.Literals(architectures).annotate({
      description:
        "Architecture to build images for. Default: that of the machine that builds. It is an error if the server cannot run the image."
    })
  ),
  ...connection
}).annotate({ description: "A server, reached over SSH. Keys that are not set here come from `ssh`." })

const LocalRegistry = Schema.Struct({
  type: Schema.Literal("local").annotate({ description: "The local registry: nothing to run, nothing to log in to." }),
  port: or(
    portNumber({
      description: "Port in image names, and port that servers pull from.",
      default: 9270
    }),
    9270
  ),
  engine: or(
    Schema.Literals(["builtin", "container"]).annotate({
      description:
        "What stores the images: builtin is jiji itself, and nothing runs between deploys; container is a registry container on this machine, which other tools can push to.",
      default: "builtin"
    }),
    "builtin"
  ),
  image: optional(
    Schema.String.check(Schema.makeFilter(referenceFault, { toJsonSchema: () => [{}, true] })).annotate({
      description: "Image of the registry container, with engine: container. Default: registry:3.",
      examples: ["registry:3"]
    })
  )
}).annotate({ description: "Images stay on this machine, and servers pull them through the SSH connection." })

const RemoteRegistry = Schema.Struct({
  type: optional(
    Schema.Literal("remote").annotate({
      description: "Optional: a registry with a server is remote.",
      expected: "local or remote"
    })
  ),
  server: text(
    "a registry's host such as ghcr.io or registry.example.com:5000, without https:// and path",
    new RegExp(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:${portDigits})?$`, "u"),
    { description: "Host of the registry, with its port if that is not 443.", examples: ["ghcr.io"] }
  ),
  namespace: optional(
    text("names of letters, digits, - and _, with / between them", /^[A-Za-z0-9]+([._/-]+[A-Za-z0-9]+)*$/u, {
      description:
        "Path between the server and the image's name. It replaces what jiji derives from username: ghcr.io/NAMESPACE/SERVICE, and SERVER/NAMESPACE/PROJECT-SERVICE elsewhere.",
      examples: ["acme/shop"]
    })
  ),
  username: optional(
    anyText("a string", {
      description:
        "User of the registry, or the name of a secret in capitals. Part of image names on GHCR and Docker Hub.",
      examples: ["octocat"]
    })
  ),
  password: optional(
    anyText("a string", {
      description:
        "Name of the secret, in capitals, with the password or token; or `$(command)`, a command that prints it.",
      examples: ["GITHUB_TOKEN"]
    })
  )
}).annotate({ description: "jiji pushes images to a registry, and servers pull them from there." })

const remotePattern = new RegExp(`^(${namePattern.source.slice(1, -1)}|ssh://${sshAddress})$`, "u")

const Builder = Schema.Struct({
  engine: or(
    Schema.Literals(["docker", "podman"]).annotate({
      description:
        "Engine that builds images and runs containers on the servers. A server that does not have it uses the other one.",
      default: "docker"
    }),
    "docker"
  ),
  local: optional(
    Schema.Literal(true).annotate({
      description: "Build images on this machine. That is the default, so you can omit this key.",
      message: "can only be true; to build on another machine, use remote"
    })
  ),
  remote: optional(
    text("the name of a server, or ssh://user@host with an optional :port", remotePattern, {
      description:
        "Machine that builds images: one of the servers, or ssh://[user@]host[:port]. jiji sends it the build context over SSH, into a folder that only its user can read. Default: this machine.",
      examples: ["web1", "ssh://ci@build.example.com"]
    })
  ),
  registry: or(
    Schema.Union([LocalRegistry, RemoteRegistry]).annotate({
      description: "Where images are stored between the build and the servers. Default: the local registry."
    }),
    { type: "local" }
  )
}).annotate({ description: "How to build images and where to store them." })

/** An image name, or `type=…` with options, as BuildKit takes them. */
const cacheFault = (value: string): string | undefined => {
  if (!value.includes("=")) return referenceFault(value)
  return /^type=[a-z0-9]+(,[a-z][a-z0-9_.-]*=[^,\s]*)*$/u.test(value)
    ? undefined
    : `must be an image name, or type=… with options such as type=registry,ref=ghcr.io/acme/shop-cache, not ${JSON.stringify(value)}`
}

const cacheText = (example: string) =>
  Schema.String.check(Schema.makeFilter(cacheFault, { toJsonSchema: () => [{}, true] })).annotate({
    examples: [example]
  })

const Build = Schema.Struct({
  context: or(
    text("a folder", /^(?!.*:\/\/).*\S/u, {
      description: "Folder to build from, relative to the project.",
      default: ".",
      examples: ["."]
    }),
    "."
  ),
  dockerfile: or(
    anyText("the path of a Dockerfile", {
      description: "Path of the Dockerfile, relative to the context.",
      default: "Dockerfile",
      examples: ["Dockerfile"]
    }),
    "Dockerfile"
  ),
  args: or(
    Schema.Record(variableName(), scalar()).annotate({
      description: "Build arguments. They stay readable in the image, so do not put secrets here.",
      default: {}
    }),
    {}
  ),
  target: optional(
    text("a stage's name", /^[A-Za-z0-9][A-Za-z0-9_.-]*$/u, {
      description: "Stage of the Dockerfile to build.",
      examples: ["app"]
    })
  ),
  platforms: optional(
    Schema.Array(Schema.Literals(architectures.map((arch) => `linux/${arch}` as const)))
      .check(Schema.isMinLength(1, { expected: "a list with at least one platform" }))
      .annotate({
        description:
          "Platforms to build for. With several, each server pulls its own. Default: the `arch` of the service's servers. Docker needs BuildKit for several."
      })
  ),
  no_cache: or(
    Schema.Boolean.annotate({
      expected: "true or false",
      description: "Build every step again, without the engine's cache. So each deploy gets a new image.",
      default: false
    }),
    false
  ),
  pull: or(
    Schema.Boolean.annotate({
      expected: "true or false",
      description: "Pull the base images on every build, even if this machine has them.",
      default: false
    }),
    false
  ),
  cache_from: or(
    Schema.Array(cacheText("ghcr.io/acme/shop-cache")).annotate({
      description:
        "Where to look for cached steps: image names, or `type=…` with docker's plugin buildx. Docker needs BuildKit for it.",
      default: []
    }),
    []
  ),
  cache_to: or(
    Schema.Array(cacheText("type=registry,ref=ghcr.io/acme/shop-cache,mode=max")).annotate({
      description:
        "Where to keep the steps of this build: `type=…` or an image name. Docker needs its plugin buildx, except for type=inline.",
      default: []
    }),
    []
  ),
  secrets: or(
    Schema.Array(secretName()).annotate({
      description:
        "Names of secrets for the build: `RUN --mount=type=secret,id=NAME` finds the value in /run/secrets/NAME. They are not in the image. Docker needs BuildKit for it.",
      default: []
    }),
    []
  ),
  ssh: optional(
    Schema.Literal("default").annotate({
      description:
        "Lets `RUN --mount=type=ssh` use the SSH agent of this machine (SSH_AUTH_SOCK). Docker needs BuildKit for it.",
      expected: "default, for the SSH agent"
    })
  )
}).annotate({ description: "How to build the image." })

const Environment = Schema.Struct({
  clear: or(
    Schema.Record(variableName(), scalar()).annotate({
      description: "Variables with literal values.",
      default: {}
    }),
    {}
  ),
  secrets: or(
    Schema.Array(variableSecret()).annotate({
      description: "Names of secrets. Each sets the variable of that name.",
      default: []
    }),
    []
  )
}).annotate({ description: "The container's environment." })

const fault =
  (parse: (value: string) => unknown) =>
  (value: string): string | undefined => {
    const parsed = parse(value)
    return typeof parsed === "string" ? parsed : undefined
  }

const Health = Schema.Struct({
  path: optional(
    text("a path that starts with /, without spaces and #", /^\/[!"$-~]*$/u, {
      description:
        "Path that the proxy asks a new container for. It is healthy when it answers with a status of `status`. Needs `proxy`. Default: it only has to accept a connection.",
      examples: ["/up"]
    })
  ),
  status: optional(
    checkedText(fault(parseStatus), {
      description: "Statuses of a healthy answer to `path`: one, or a range. Default: 200-399.",
      examples: ["200"]
    })
  ),
  interval: optional(
    duration(100, {
      description: "Time between two requests for `path`. Default: 1s.",
      examples: ["1s"]
    })
  ),
  running_for: or(
    duration(0, {
      description:
        "How long a container without a HEALTHCHECK must run to count as healthy. Something must also listen on every TCP port that it publishes. Does not apply to a container that answers to `path`.",
      default: "1s",
      examples: ["1s"]
    }),
    "1s"
  ),
  timeout: or(
    duration(1, {
      description: "Time limit for a new container to become healthy.",
      default: "60s",
      examples: ["60s"]
    }),
    "60s"
  )
}).annotate({ description: "When a new container counts as healthy." })

const Release = Schema.Struct({
  command: Schema.Array(scalar())
    .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
    .annotate({
      description:
        "Command to run, as a list of words, in a container of the new image with the environment, secrets, volumes and network of the service."
    }),
  timeout: or(
    duration(1, {
      description: "Time limit for the command. When it is over, jiji stops the command, and the deploy fails.",
      default: "5m",
      examples: ["5m"]
    }),
    "5m"
  )
}).annotate({
  description:
    "What to run once per deploy, on one server, before any container of the service is replaced. If it fails, none is."
})

const Service = Schema.Struct({
  build: optional(Build),
  image: optional(
    Schema.String.check(Schema.makeFilter(referenceFault, { toJsonSchema: () => [{}, true] })).annotate({
      description: "Image to run, instead of `build`. Servers pull it on every deploy, unless it has a digest.",
      examples: ["nginx:1.27"]
    })
  ),
  hosts: Schema.Array(name())
    .check(Schema.isMinLength(1, { expected: "a list with at least one server's name" }))
    .annotate({ description: "Names of the servers to run on." }),
  ports: or(
    Schema.Array(
      checkedText(fault(parsePort), {
        description: "[address:][port on the server:]port in the container[/udp]",
        examples: ["8080:80"]
      })
    ).annotate({
      description: "Ports to publish on the server. Without a port on the server, the engine picks a free one.",
      default: []
    }),
    []
  ),
  volumes: or(
    Schema.Array(
      checkedText(fault(parseVolume), {
        description: "volume or folder on the server:path in the container[:ro]",
        examples: ["data:/var/lib/app"]
      })
    ).annotate({
      description: "Volumes and folders to mount. Named volumes belong to the project: `data` becomes PROJECT_data.",
      default: []
    }),
    []
  ),
  environment: or(Environment, {}),
  command: optional(
    Schema.Array(scalar())
      .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
      .annotate({ description: "Command to run in the container, as a list of words, instead of the image's own." })
  ),
  console: optional(
    Schema.Array(scalar())
      .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
      .annotate({
        description:
          "Command that `jiji console SERVICE` runs in the container, as a list of words. To change it does not replace the container.",
        examples: [["bin/rails", "console"]]
      })
  ),
  depends_on: optional(
    Schema.Array(name()).annotate({
      description:
        "Services that must be healthy on a server before this one is replaced there. jiji orders services of one server only, and ignores those that a deploy does not select."
    })
  ),
  files: filesKey,
  ...containerFields,
  release: optional(Release),
  retain: or(
    Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: 1000 }, { expected: "a whole number from 1 to 1000" })
    ).annotate({
      description: "How many versions of the image to keep on a server.",
      default: 3
    }),
    3
  ),
  replicas: or(
    Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: 100 }, { expected: "a whole number from 1 to 100" })
    ).annotate({
      description:
        "How many containers to run on each server. A deploy replaces them one after another. A service that writes volumes, or publishes a port of its own choice on the server, can only have one.",
      default: 1
    }),
    1
  ),
  health: or(Health, {}),
  drain: optional(
    duration(0, {
      description:
        "How long a deploy waits for requests that the old container still has, after the proxy sends new ones to the new container. It waits only as long as there are any. Needs `proxy`. Default: 30s.",
      examples: ["30s"]
    })
  ),
  proxy: optional(ServiceProxySchema)
}).annotate({ description: "A container to deploy: its image, its servers and its settings." })

const serverCount = (docs: Docs<number>) =>
  Schema.Int.check(
    Schema.isBetween({ minimum: 1, maximum: 10_000 }, { expected: "a whole number of servers, 1 or more" })
  ).annotate({ ...docs })

const Deploy = Schema.Struct({
  strategy: or(
    Schema.Literals(["parallel", "rolling"]).annotate({
      description:
        "parallel deploys to all servers at the same time, and a failure does not stop the others. rolling deploys to one batch of servers after the other, and stops after a batch with a failure.",
      default: "parallel"
    }),
    "parallel"
  ),
  batch: optional(
    serverCount({ description: "Servers in a batch, with strategy: rolling. Default: 1.", examples: [2] })
  ),
  canary: optional(
    serverCount({
      description:
        "Deploys to this many servers first, at the same time; the other servers follow only if all of them succeed.",
      examples: [1]
    })
  )
}).annotate({
  description: "In which order to deploy to the servers. jiji goes through them in the order of the file."
})

/** The schema of deploy.yml, after merging the environment's file. The documentation of each key is generated from here. */
export const DeployFile = Schema.Struct({
  project: name({
    description: "Name of the project, used in the names of images, containers and volumes.",
    examples: ["shop"]
  }),
  builder: or(Builder, {}),
  ssh: or(Ssh, {}),
  proxy: optional(ProxySchema),
  servers: Schema.Record(name(), Server)
    .check(Schema.isMinProperties(1, { expected: "a map with at least one server" }))
    .annotate({ description: "Servers by name." }),
  services: Schema.Record(name(), Service)
    .check(Schema.isMinProperties(1, { expected: "a map with at least one service" }))
    .annotate({
      description:
        "Containers to deploy, by name. A service web cannot have web-next or web-trial beside it, web-2 if it has replicas, or web-release if it has `release`."
    }),
  deploy: optional(Deploy),
  aliases: or(aliasesKey, {}),
  hooks: or(
    Schema.Record(name(), HookSchema).annotate({
      description: "Commands to run on this machine when something happens, by name.",
      default: {}
    }),
    {}
  ),
  triggers: or(
    Schema.Record(name(), TriggerSchema).annotate({
      description: "Events that start runs in `jiji serve`, by name.",
      default: {}
    }),
    {}
  )
}).annotate({ title: "jiji deploy.yml", description: "What jiji deploys, and where to." })
export type DeployFile = typeof DeployFile.Type
