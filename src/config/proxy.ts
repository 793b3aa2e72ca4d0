import { Effect, Schema } from "effect"
import { duration } from "./duration.ts"
import { checkedText, portNumber, secretName, text } from "./fields.ts"
import { referenceFault } from "./ImageReference.ts"

const optional = Schema.optionalKey

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

/** The image of the proxy if no project names another one. */
export const defaultProxyImage = "caddy:2.11.4"

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
const hostPattern = new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?${label}(?:\\.${label})*$`, "u")

/** Returns an error message if the text is not the name of a web site. */
const hostFault = (host: string): string | undefined => {
  if (hostPattern.test(host)) return undefined
  if (host.includes("/") || host.includes(":")) return "must be a host name without https://, port and path"
  if (/[A-Z]/u.test(host) && hostPattern.test(host.toLowerCase())) return `must be in lower case: ${host.toLowerCase()}`
  return "must be a host name such as shop.example.com or *.example.com"
}

/** Returns an error message if the text is not the beginning of a path. */
const pathFault = (path: string): string | undefined => {
  if (!path.startsWith("/")) return `must start with /, such as /${path.replaceAll(/[^A-Za-z0-9/._-]/gu, "") || "api"}`
  if (path !== "/" && path.endsWith("/")) return `must not end with /: use ${path.replace(/\/+$/u, "") || "/"}`
  if (!/^\/[A-Za-z0-9/._~-]*$/u.test(path)) return "can contain letters, digits and . _ ~ - / only"
  return /\/\/|\/\.\.?(?:\/|$)/u.test(path) ? "must not contain //, /./ or /../" : undefined
}

const units: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** The bytes of a size such as `512k`, `100m` or `2g`. */
export const parseSize = (size: string): number => {
  const [, digits = "", unit = ""] = /^(\d+)([kmg]?)$/u.exec(size) ?? []
  return Number(digits) * (units[unit] ?? 1)
}

const Certificate = Schema.Struct({
  certificate: secretName({
    description: "Name of the secret with the certificate and its chain, as PEM.",
    examples: ["SHOP_CERTIFICATE"]
  }),
  key: secretName({
    description: "Name of the secret with the certificate's private key, as PEM.",
    examples: ["SHOP_CERTIFICATE_KEY"]
  })
}).annotate({
  description: "A certificate of your own. jiji checks that it fits its key and the hosts, and has not expired."
})

/** `proxy` of a service. */
export const ServiceProxySchema = Schema.Struct({
  hosts: Schema.Array(
    checkedText(hostFault, { description: "Host name, such as shop.example.com", examples: ["shop.example.com"] })
  )
    .check(Schema.isMinLength(1, { expected: "a list with at least one host name" }))
    .annotate({
      description: "Host names to serve. `*.example.com` stands for every name one level below, and not with tls: auto."
    }),
  port: portNumber({ description: "Port on which the container answers HTTP." }),
  path: or(
    checkedText(pathFault, {
      description:
        "Path to serve, with everything below it. Longer paths win, so that another service can serve / of the same host.",
      default: "/",
      examples: ["/api"]
    }),
    "/"
  ),
  strip: or(
    Schema.Boolean.annotate({
      description: "Remove the path from a request before the container gets it.",
      default: false
    }),
    false
  ),
  tls: or(
    Schema.Union([Schema.Literals(["auto", "off"]), Certificate]).annotate({
      description:
        "auto gets certificates by ACME, from Let's Encrypt unless the project sets another directory; off serves plain HTTP; a map names the secrets with a certificate and its key. Unless it is off, HTTP is redirected to HTTPS.",
      default: "auto",
      expected: "auto, off, or a map with the secrets certificate and key"
    }),
    "auto"
  ),
  max_body: optional(
    text("a size such as 512k, 100m or 2g", /^[1-9]\d{0,8}[kmg]?$/u, {
      description: "Largest body of a request. The proxy answers longer ones with 413. Default: no limit.",
      examples: ["100m"]
    })
  ),
  response_timeout: or(
    duration(1, {
      description:
        "How long the container may take until its answer begins. After that, the proxy answers with 504. Websockets and streams may stay open as long as they like.",
      default: "60s",
      examples: ["60s"]
    }),
    "60s"
  )
}).annotate({
  description:
    "Serve this container's HTTP through the proxy of its servers, which all projects share. It needs no published port."
})

/** `proxy` of the project. */
export const ProxySchema = Schema.Struct({
  image: optional(
    Schema.String.check(Schema.makeFilter(referenceFault, { toJsonSchema: () => [{}, true] })).annotate({
      description: `Image of the proxy, with Caddy 2.8 or later, sh, mv and nc. If this machine's engine has an image of this name, jiji ships it like a built one. Default: the image that the server's proxy has, else ${defaultProxyImage}.`,
      examples: [defaultProxyImage]
    })
  ),
  http: or(
    portNumber({ description: "Port for HTTP on the servers. ACME needs it to be reachable as 80.", default: 80 }),
    80
  ),
  https: or(portNumber({ description: "Port for HTTPS on the servers, TCP and UDP.", default: 443 }), 443),
  email: optional(
    text("an email address", /^[^\s@]+@[^\s@]+$/u, {
      description: "Address for the account with the certificate authority.",
      examples: ["ops@example.com"]
    })
  ),
  acme: optional(
    text("the https:// address of an ACME directory", /^https:\/\/[^\s/]+\S*$/u, {
      description: "ACME directory of another certificate authority. Default: Let's Encrypt.",
      examples: ["https://acme-v02.api.letsencrypt.org/directory"]
    })
  )
}).annotate({
  description: "The proxy of the servers, for all services with `proxy`. Projects on one server share it."
})
