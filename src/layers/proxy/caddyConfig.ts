import { folder, type ProjectSites, type Site, upFile } from "./sites.ts"

/** Caddy's admin endpoint: a socket that only processes in the container reach. */
export const adminSocket = "unix//run/jiji/admin.sock"

interface Handler {
  readonly handler: string
  readonly [key: string]: unknown
}

interface Route {
  readonly match?: ReadonlyArray<{ readonly host?: ReadonlyArray<string>; readonly path?: ReadonlyArray<string> }>
  readonly handle: ReadonlyArray<Handler>
  readonly terminal?: true
}

interface Server {
  readonly listen: ReadonlyArray<string>
  readonly routes: ReadonlyArray<Route>
  readonly automatic_https: object
  readonly protocols?: ReadonlyArray<string>
  readonly read_header_timeout: string
  readonly idle_timeout: string
}

/** The part of Caddy's configuration that jiji uses: https://caddyserver.com/docs/json/ */
export interface CaddyConfig {
  readonly admin: { readonly listen: string; readonly config: { readonly persist: false } }
  readonly logging: object
  readonly apps: {
    readonly http: {
      readonly http_port: number
      readonly https_port: number
      readonly grace_period: string
      readonly servers: Readonly<Record<string, Server>>
    }
    readonly tls: object
  }
}

/** Where the files of a certificate are. */
const certificateFiles = (project: string, name: string) => ({
  certificate: `${folder}/certs/${project}/${name}.crt`,
  key: `${folder}/certs/${project}/${name}.key`
})

/** A host name below a path, and the site that serves it. */
interface Entry {
  readonly project: ProjectSites
  readonly site: Site
  readonly host: string
}

const isWildcard = (host: string): boolean => host.startsWith("*.")

/** Names before wildcards, then by name; the longest path of a name first. */
const byHost = (a: Entry, b: Entry): number =>
  Number(isWildcard(a.host)) - Number(isWildcard(b.host)) ||
  (a.host === b.host ? b.site.path.length - a.site.path.length : a.host < b.host ? -1 : 1)

const entriesOf = (all: ReadonlyArray<ProjectSites>): ReadonlyArray<Entry> =>
  all
    .flatMap((project) => project.sites.flatMap((site) => site.hosts.map((host) => ({ project, site, host }))))
    .toSorted(byHost)

const milliseconds = (value: number): string => `${value}ms`

const reverseProxy = (project: string, { replicas, responseTimeout, service }: Site): Handler => ({
  handler: "reverse_proxy",
  // Caddy reads the file for each request. Replacing it switches the container, without a reload.
  upstreams: Array.from({ length: replicas }, (_, index) => ({
    dial: `{file.${upFile(project, service, index + 1)}}`
  })),
  load_balancing: {
    selection_policy: { policy: "least_conn" },
    // Requests that cannot connect wait this long for a container.
    try_duration: "5s",
    try_interval: "100ms"
  },
  // A replica that refuses connections gets no requests for a while. If there is only one, that would help nobody.
  ...(replicas > 1 && { health_checks: { passive: { fail_duration: "3s", max_fails: 1 } } }),
  transport: {
    protocol: "http",
    dial_timeout: "2s",
    response_header_timeout: milliseconds(responseTimeout),
    compression: false,
    // An old container is idle soon after the switch, and no container closes a connection before Caddy does.
    keep_alive: { idle_timeout: "500ms" }
  },
  // A reload does not close websockets.
  stream_close_delay: "1h"
})

/** Text that Caddy prints as it is: it replaces `{…}` otherwise, but only where there is a `{`. */
const literal = (text: string): string => (text.includes("{") ? text.replace(/[{}]/g, "\\$&") : text)

/** What the proxy answers for a service that serves nothing. */
const unavailable = ({ maintenance, stopped }: Site): Handler | undefined => {
  if (maintenance === undefined && stopped === undefined) return undefined
  const { body, html } = maintenance ?? { body: "503 Service Unavailable\n", html: false }
  return {
    handler: "static_response",
    status_code: 503,
    headers: {
      "Retry-After": ["60"],
      "Cache-Control": ["no-store"],
      "Content-Type": [`text/${html ? "html" : "plain"}; charset=utf-8`]
    },
    body: literal(body)
  }
}

const serve = ({ host, project, site }: Entry): Route => {
  const { maxBody, path, strip } = site
  const match = [{ host: [host], ...(path !== "/" && { path: [path, `${path}/*`] }) }]
  const instead = unavailable(site)
  if (instead !== undefined) return { match, handle: [instead], terminal: true }
  return {
    match,
    handle: [
      ...(maxBody === undefined ? [] : [{ handler: "request_body", max_size: maxBody }]),
      ...(strip && path !== "/"
        ? [
            { handler: "rewrite", strip_path_prefix: path },
            { handler: "headers", request: { set: { "X-Forwarded-Prefix": [path] } } }
          ]
        : []),
      reverseProxy(project.project, site)
    ],
    terminal: true
  }
}

const redirect = (hosts: ReadonlyArray<string>, https: number): Route => ({
  match: [{ host: hosts }],
  handle: [
    {
      handler: "static_response",
      status_code: 308,
      headers: {
        Location: [`https://{http.request.host}${https === 443 ? "" : `:${https}`}{http.request.uri}`],
        Connection: ["close"]
      }
    }
  ],
  terminal: true
})

const notFound: Route = {
  handle: [{ handler: "static_response", status_code: 404, body: "404 Not Found\n" }]
}

const server = (port: number, routes: ReadonlyArray<Route>, automaticHttps: object): Server => ({
  listen: [`:${port}`],
  routes: [...routes, notFound],
  automatic_https: automaticHttps,
  read_header_timeout: "10s",
  idle_timeout: "2m"
})

const unique = (values: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(values)]

/** How to get certificates: the settings of the first project that has a name. */
const policies = (all: ReadonlyArray<ProjectSites>): ReadonlyArray<object> => {
  const taken = new Set<string>()
  return all.flatMap(({ acme, email, sites }) => {
    const auto = sites.filter(({ tls }) => tls === "auto").flatMap(({ hosts }) => hosts)
    const subjects = unique(auto).filter((host) => !taken.has(host))
    for (const host of subjects) taken.add(host)
    const issuer = { module: "acme", ...(acme !== undefined && { ca: acme }), ...(email !== undefined && { email }) }
    return subjects.length === 0 ? [] : [{ subjects, issuers: [issuer] }]
  })
}

/** The configuration of a server's proxy. The same sites in another order give the same one. */
export const caddyConfig = (projects: ReadonlyArray<ProjectSites>): CaddyConfig => {
  const all = projects.toSorted((a, b) => (a.project < b.project ? -1 : 1))
  const entries = entriesOf(all)
  const plain = entries.filter(({ site }) => site.tls === "off")
  const secure = entries.filter(({ site }) => site.tls !== "off")
  const given = secure.filter(({ site }) => site.tls !== "auto")
  const [{ http, https } = { http: 80, https: 443 }] = all
  const secureHosts = unique(secure.map(({ host }) => host))
  const redirects = secureHosts.length === 0 ? [] : [redirect(secureHosts, https)]
  const files = all.flatMap(({ project, sites }) =>
    sites.flatMap(({ tls }) => (typeof tls === "object" ? [certificateFiles(project, tls.certificate)] : []))
  )
  return {
    admin: { listen: adminSocket, config: { persist: false } },
    logging: { logs: { default: { level: "WARN" } } },
    apps: {
      http: {
        http_port: http,
        https_port: https,
        // How long requests may take that an old configuration, or an old container of the proxy, still serves.
        grace_period: "30s",
        servers: {
          ...(entries.length > 0 && {
            http: { ...server(http, [...plain.map(serve), ...redirects], { disable: true }), protocols: ["h1"] }
          }),
          ...(secure.length > 0 && {
            https: server(https, secure.map(serve), {
              // The redirects above are the same, but known to this file.
              disable_redirects: true,
              skip_certificates: unique(given.map(({ host }) => host))
            })
          })
        }
      },
      tls: {
        automation: { policies: policies(all) },
        certificates: { load_files: files }
      }
    }
  }
}

/** The configuration as `/jiji/caddy.json` has it. */
export const caddyJson = (projects: ReadonlyArray<ProjectSites>): string => JSON.stringify(caddyConfig(projects))

/** The ports that the proxy listens on for these sites. */
export const portsOf = (projects: ReadonlyArray<ProjectSites>): ReadonlyArray<number> =>
  Object.values(caddyConfig(projects).apps.http.servers).flatMap(({ listen }) =>
    listen.map((address) => Number(address.slice(1)))
  )
