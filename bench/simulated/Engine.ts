/** A container's JSON, as far as clients need it. */
interface Container {
  readonly Id: string
  Name: string
  /** The image's ID. */
  readonly Image: string
  readonly Config: Config
  readonly HostConfig: { RestartPolicy?: unknown }
  status: "created" | "running" | "exited"
}

interface Config {
  readonly Image: string
  readonly Labels?: Readonly<Record<string, string>> | null
}

interface Image {
  readonly Id: string
  readonly names: Set<string>
  readonly config: { readonly config?: Config; readonly rootfs?: { readonly diff_ids: ReadonlyArray<string> } }
}

/** A network's JSON, as clients get and send it. */
interface Network {
  readonly Name: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly IPAM?: { readonly Config?: ReadonlyArray<Readonly<Record<string, string>>> | null } | null
}

/**
 * What dockerd 20.10 needs for a request on an idle server, in milliseconds: the least of twelve measurements, rounded. A
 * pull is without the time of the downloads.
 */
const costs: ReadonlyArray<readonly [request: RegExp, milliseconds: number]> = [
  [/^POST \/images\/create/, 150],
  [/^POST \/networks\/create/, 80],
  [/^DELETE \/networks\//, 80],
  [/^POST \/containers\/create/, 40],
  [/^POST \/containers\/[^/]+\/start/, 320],
  [/^POST \/containers\/[^/]+\/(stop|kill)/, 150],
  [/^DELETE \/containers\//, 30],
  [/^DELETE \/images\//, 20],
  [/^POST /, 5],
  [/^GET /, 1]
]

const created = "2026-01-01T00:00:00.000000000Z"
const hash = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex")
const json = (value: unknown, status = 200) => Response.json(value, { status })
const missing = (what: string) => json({ message: `No such ${what}` }, 404)

/** Filters of a list, in either of the two forms that clients send. */
const filtersOf = (url: URL): ReadonlyArray<readonly [name: string, values: ReadonlyArray<string>]> =>
  Object.entries(JSON.parse(url.searchParams.get("filters") ?? "{}") as Record<string, object>).map(
    ([name, values]) => [name, Array.isArray(values) ? values.map(String) : Object.keys(values)]
  )

/** An engine that only pretends to run containers, but takes as long and really pulls images. Speaks docker's HTTP API. */
export class Engine {
  readonly containers: Array<Container> = []
  readonly images: Array<Image> = []
  readonly networks: Array<Network> = []
  readonly #layers = new Set<string>()
  readonly #watchers = new Set<(event: object) => void>()
  #made = 0
  readonly #loopback: string
  readonly #speed: 0 | 1

  /**
   * `loopback` is a socket that leads to the server's own 127.0.0.1. `speed` is 1 for an engine that
   * takes as long as a real one, 0 for one that takes no time.
   */
  constructor(loopback: string, speed: 0 | 1) {
    this.#loopback = loopback
    this.#speed = speed
  }

  /** A copy that takes no time. */
  copy(): Engine {
    const copy = new Engine(this.#loopback, 0)
    copy.containers.push(...this.containers.map((container) => ({ ...container })))
    copy.images.push(...this.images.map((image) => ({ ...image, names: new Set(image.names) })))
    copy.networks.push(...this.networks)
    copy.#made = this.#made
    return copy
  }

  /** Equal for engines that answer alike. */
  fingerprint(): string {
    const images = this.images.map(({ Id, names }) => [Id, [...names]])
    return JSON.stringify([this.containers, images, this.networks, this.#made])
  }

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const path = url.pathname.replace(/^\/v[\d.]+(?=\/)/, "")
    const line = `${request.method} ${path}`
    const body = request.method === "POST" ? await request.text() : ""
    const milliseconds = costs.find(([pattern]) => pattern.test(line))?.[1] ?? 0
    if (this.#speed > 0) await Bun.sleep(milliseconds)
    const [kind = "", ...rest] = path.slice(1).split("/")
    if (line === "POST /containers/create") return this.#create(url.searchParams.get("name") ?? "", body)
    if (kind === "containers" && rest[0] !== "json") return this.#container(request.method, rest, url, body)
    if (line === "POST /images/create") return this.#pull(url)
    if (kind === "images" && rest[0] !== "json") return this.#image(request.method, rest, url)
    if (kind === "networks") return this.#network(request.method, rest[0] ?? "", body)
    switch (line.replace("HEAD", "GET")) {
      case "GET /_ping":
        return new Response("OK", { headers: { "Api-Version": "1.41", Ostype: "linux", Server: "Docker/20.10.24" } })
      case "GET /version":
        return json({ Version: "20.10.24", ApiVersion: "1.41", MinAPIVersion: "1.12", Os: "linux", Arch: "amd64" })
      case "GET /info":
        return json({ ServerVersion: "20.10.24", OSType: "linux", Architecture: "x86_64", Driver: "overlay2" })
      case "GET /containers/json":
        return json(this.#list(url))
      case "GET /images/json":
        return json(this.#listImages(url))
      case "GET /events":
        return this.#events(request.signal)
      case "POST /auth":
        return json({ Status: "Login Succeeded" })
    }
    return json({ message: `the simulated engine does not know ${line}` }, 501)
  }

  #find(name: string): Container | undefined {
    return (
      this.containers.find((container) => container.Name === `/${name}`) ??
      this.containers.find((container) => container.Id.startsWith(name))
    )
  }

  #findImage(name: string): Image | undefined {
    return this.images.find(
      ({ Id, names }) =>
        names.has(name) || names.has(`${name}:latest`) || Id === name || Id.startsWith(`sha256:${name}`)
    )
  }

  #create(name: string, body: string): Response {
    // The clients in use send what docker's API describes.
    const config = JSON.parse(body) as Config & { readonly HostConfig?: Container["HostConfig"] }
    const image = this.#findImage(config.Image)
    if (image === undefined) return missing(`image: ${config.Image}`)
    if (this.#find(name) !== undefined) return json({ message: `the name ${name} is already in use` }, 409)
    this.#made += 1
    const Labels = { ...image.config.config?.Labels, ...config.Labels }
    const Id = hash(`${this.#made}`)
    const HostConfig = config.HostConfig ?? {}
    const Config = { ...image.config.config, ...config, Labels }
    this.containers.unshift({ Id, Name: `/${name}`, Image: image.Id, Config, HostConfig, status: "created" })
    return json({ Id, Warnings: [] }, 201)
  }

  #container(method: string, [name = "", action = ""]: ReadonlyArray<string>, url: URL, body: string): Response {
    const container = this.#find(decodeURIComponent(name))
    if (container === undefined) return missing(`container: ${name}`)
    const become = (status: Container["status"], ...events: ReadonlyArray<string>) => {
      const changed = container.status !== status
      container.status = status
      if (changed) for (const event of events) this.#publish(container, event)
      return new Response(null, { status: changed ? 204 : 304 })
    }
    switch (`${method} ${action}`) {
      case "GET json":
        return json(inspect(container))
      case "GET logs":
        return new Response("")
      case "POST start":
        return become("running", "start")
      case "POST stop":
      case "POST kill":
        return become("exited", "kill", "die", "stop")
      case "POST wait":
        return json({ StatusCode: 0 })
      case "POST rename":
        container.Name = `/${url.searchParams.get("name")}`
        return new Response(null, { status: 204 })
      case "POST update":
        Object.assign(container.HostConfig, JSON.parse(body))
        return json({ Warnings: null })
      case "DELETE ":
        if (container.status === "running" && !/^(1|true)$/.test(url.searchParams.get("force") ?? "")) {
          return json({ message: "stop the container before you remove it" }, 409)
        }
        this.containers.splice(this.containers.indexOf(container), 1)
        this.#publish(container, "destroy")
        return new Response(null, { status: 204 })
    }
    return json({ message: `the simulated engine does not know ${method} /containers/ID/${action}` }, 501)
  }

  #network(method: string, name: string, body: string): Response {
    if (method === "POST") {
      // The clients in use send what docker's API describes.
      const made = JSON.parse(body) as Network
      const chosen = made.IPAM?.Config ?? []
      const Config = chosen.length > 0 ? chosen : [{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.1" }]
      this.networks.push({ Name: made.Name, Labels: made.Labels ?? {}, IPAM: { Config } })
      return json({ Id: hash(made.Name), Warning: "" }, 201)
    }
    const found = this.networks.find(({ Name }) => Name === decodeURIComponent(name))
    if (found === undefined) return json({ message: `network ${name} not found` }, 404)
    if (method === "GET") return json({ ...found, Id: hash(found.Name), Driver: "bridge", Scope: "local" })
    this.networks.splice(this.networks.indexOf(found), 1)
    return new Response(null, { status: 204 })
  }

  #image(method: string, path: ReadonlyArray<string>, url: URL): Response {
    // A name has slashes of its own.
    const action = method === "DELETE" ? "" : (path.at(-1) ?? "")
    const name = decodeURIComponent((method === "DELETE" ? path : path.slice(0, -1)).join("/"))
    const image = this.#findImage(name)
    if (image === undefined) return missing(`image: ${name}`)
    switch (`${method} ${action}`) {
      case "GET json":
        return json(inspectImage(image))
      case "POST tag":
        this.#tag(image, `${url.searchParams.get("repo")}:${url.searchParams.get("tag") ?? "latest"}`)
        return new Response(null, { status: 201 })
      case "DELETE ": {
        if (image.names.has(name) && image.names.size > 1) {
          image.names.delete(name)
          return json([{ Untagged: name }])
        }
        if (this.containers.some(({ Image }) => Image === image.Id)) {
          return json({ message: "image is being used by a container" }, 409)
        }
        this.images.splice(this.images.indexOf(image), 1)
        return json([{ Untagged: name }, { Deleted: image.Id }])
      }
    }
    return json({ message: `the simulated engine does not know ${method} /images/NAME/${action}` }, 501)
  }

  #tag(image: Image, name: string) {
    for (const other of this.images) other.names.delete(name)
    image.names.add(name)
  }

  #list(url: URL) {
    const all = /^(1|true)$/.test(url.searchParams.get("all") ?? "")
    const filters = filtersOf(url)
    const matches = (container: Container, name: string, value: string): boolean => {
      const [key = "", wanted] = value.split(/=(.*)/s)
      const label = container.Config.Labels?.[key]
      if (name === "label") return wanted === undefined ? label !== undefined : label === wanted
      if (name === "name")
        return new RegExp(value).test(container.Name) || new RegExp(value).test(container.Name.slice(1))
      if (name === "id") return container.Id.startsWith(value)
      if (name === "status") return container.status === value
      if (name === "ancestor") return this.#findImage(value)?.Id === container.Image
      return false
    }
    return this.containers
      .filter(({ status }) => all || status === "running" || filters.some(([name]) => name === "status"))
      .filter((container) =>
        filters.every(([name, values]) =>
          // Every label must match, but one of other values is enough.
          values[name === "label" ? "every" : "some"]((value) => matches(container, name, value))
        )
      )
      .map((container) => ({
        Id: container.Id,
        Names: [container.Name],
        Image: container.Config.Image,
        ImageID: container.Image,
        Command: "",
        Created: Date.parse(created) / 1000,
        Ports: [],
        Labels: container.Config.Labels,
        State: container.status,
        Status: container.status,
        HostConfig: {},
        NetworkSettings: { Networks: {} },
        Mounts: []
      }))
  }

  #listImages(url: URL) {
    const filters = filtersOf(url)
    const matches = (image: Image, name: string, value: string): boolean => {
      const glob = new Bun.Glob(value)
      if (name === "reference")
        return [...image.names].some((name) => glob.match(name) || glob.match(name.replace(/@.*|:[^:/]*$/, "")))
      if (name === "label") return image.config.config?.Labels?.[value.split("=")[0] ?? ""] !== undefined
      return name !== "dangling" || (value === "true") === (image.names.size === 0)
    }
    return this.images
      .filter((image) => filters.every(([name, values]) => values.some((value) => matches(image, name, value))))
      .map((image) => ({
        ...inspectImage(image),
        Created: Date.parse(created) / 1000,
        Labels: image.config.config?.Labels
      }))
  }

  #publish({ Config, Id, Image, Name }: Container, Action: string) {
    const Attributes = { ...Config.Labels, image: Image, name: Name.slice(1) }
    const now = Date.now()
    const event = { Type: "container", Action, status: Action, id: Id, Actor: { ID: Id, Attributes }, time: now / 1000 }
    for (const watch of this.#watchers) watch({ ...event, timeNano: now * 1_000_000 })
  }

  #events(signal: AbortSignal): Response {
    const watchers = this.#watchers
    return new Response(
      new ReadableStream({
        start(controller) {
          const watch = (event: object) => controller.enqueue(`${JSON.stringify(event)}\n`)
          watchers.add(watch)
          signal.addEventListener("abort", () => watchers.delete(watch))
        }
      }),
      { headers: { "Content-Type": "application/json" } }
    )
  }

  /** Pulls from a registry that is forwarded to this server. Layers are downloaded and thrown away. */
  async #pull(url: URL): Promise<Response> {
    const from = url.searchParams.get("fromImage") ?? ""
    const tag = url.searchParams.get("tag") ?? "latest"
    const reference = from.includes("@") ? from : `${from}${tag.startsWith("sha256:") ? "@" : ":"}${tag}`
    const [, port = "", repository = "", version = ""] = /^[^/]*:(\d+)\/(.+?)[@:]([^@/]+)$/.exec(reference) ?? []
    const get = async (path: string): Promise<Response> => {
      const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
      const response = await fetch(`http://localhost:${port}/v2/${repository}/${path}`, {
        unix: this.#loopback,
        headers: { accept, connection: "close" }
      })
      if (!response.ok) throw new Error(`the registry answers ${response.status} to ${path}`)
      return response
    }
    // The registry that is measured sends what the protocol describes.
    type Blob = { readonly digest: string }
    const manifestText = await (await get(`manifests/${version}`)).text()
    const manifest = JSON.parse(manifestText) as { readonly config: Blob; readonly layers: ReadonlyArray<Blob> }
    const Id = manifest.config.digest
    let image = this.images.find((image) => image.Id === Id)
    if (image === undefined) {
      const config = (await (await get(`blobs/${Id}`)).json()) as Image["config"]
      for (const { digest } of manifest.layers) {
        if (this.#layers.has(digest)) continue
        await (await get(`blobs/${digest}`)).arrayBuffer()
        this.#layers.add(digest)
      }
      image = { Id, names: new Set(), config }
      this.images.unshift(image)
    }
    const repositoryName = reference.slice(0, reference.length - version.length - 1)
    image.names.add(`${repositoryName}@sha256:${hash(manifestText)}`)
    if (!version.startsWith("sha256:")) this.#tag(image, `${repositoryName}:${version}`)
    const lines = [{ status: `Pulling from ${repository}` }, { status: `Digest: sha256:${hash(manifestText)}` }]
    return new Response(
      [...lines, { status: `Status: Downloaded newer image for ${reference}` }]
        .map((line) => `${JSON.stringify(line)}\r\n`)
        .join("")
    )
  }
}

const inspect = ({ Config, HostConfig, Id, Image, Name, status }: Container) => ({
  Id,
  Name,
  Image,
  Config,
  HostConfig,
  Created: created,
  RestartCount: 0,
  State: {
    Status: status,
    Running: status === "running",
    Restarting: false,
    Pid: status === "running" ? 1 : 0,
    ExitCode: 0,
    Error: "",
    StartedAt: status === "created" ? "0001-01-01T00:00:00Z" : created,
    FinishedAt: status === "exited" ? created : "0001-01-01T00:00:00Z"
  },
  Mounts: [],
  NetworkSettings: { Networks: {}, Ports: {} }
})

const inspectImage = ({ Id, config, names }: Image) => ({
  Id,
  RepoTags: [...names].filter((name) => !name.includes("@")),
  RepoDigests: [...names].filter((name) => name.includes("@")),
  Created: created,
  Architecture: "amd64",
  Os: "linux",
  Size: 1,
  Config: config.config ?? {},
  RootFS: { Type: "layers", Layers: config.rootfs?.diff_ids ?? [] }
})
