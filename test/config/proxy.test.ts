import { describe, expect } from "bun:test"
import { Duration, Effect } from "effect"
import { secretNames } from "../../src/config/secretNames.ts"
import { it } from "../support/effect.ts"
import { loadText, smallest } from "./project.ts"
import { port, service, testProblems } from "./problems.ts"
import { proxied } from "./proxied.ts"

const proxy = (keys: string) => service(`proxy: { ${keys} }`)
const web = "proxy: { hosts: [shop.example.com], port: 3000 }"
/** A second service on the same server. */
const beside = (keys: string, first = web) =>
  `${service(first)}  api:\n    image: nginx\n    hosts: [web1]\n    ${keys}\n`
const at = "8 services.web.proxy"

describe("reports", () => {
  testProblems([
    [
      "a host with a scheme",
      proxy('hosts: ["https://shop.example.com"], port: 80'),
      `${at}.hosts[0]: must be a host name without https://, port and path`
    ],
    [
      "a host with a port",
      proxy('hosts: ["shop.example.com:443"], port: 80'),
      `${at}.hosts[0]: must be a host name without https://, port and path`
    ],
    [
      "a host in upper case",
      proxy("hosts: [Shop.example.com], port: 80"),
      `${at}.hosts[0]: must be in lower case: shop.example.com`
    ],
    [
      "a host that is no name",
      proxy("hosts: [shop_1..example.com], port: 80"),
      `${at}.hosts[0]: must be a host name such as shop.example.com or *.example.com`
    ],
    [
      "no hosts",
      proxy("hosts: [], port: 80"),
      `${at}.hosts: must be a list with at least one host name, not an empty list`
    ],
    ["a missing port", proxy("hosts: [shop.example.com]"), `${at}.port: is missing`],
    ["an invalid port", proxy("hosts: [shop.example.com], port: 0"), `${at}.port: ${port}, not 0`],
    [
      "a path without /",
      proxy("hosts: [shop.example.com], port: 80, path: api"),
      `${at}.path: must start with /, such as /api`
    ],
    [
      "a path that ends with /",
      proxy("hosts: [shop.example.com], port: 80, path: /api/"),
      `${at}.path: must not end with /: use /api`
    ],
    [
      "a pattern as path",
      proxy('hosts: [shop.example.com], port: 80, path: "/api/*"'),
      `${at}.path: can contain letters, digits and . _ ~ - / only`
    ],
    [
      "a path that goes up",
      proxy("hosts: [shop.example.com], port: 80, path: /a/../b"),
      `${at}.path: must not contain //, /./ or /../`
    ],
    [
      "strip without path",
      proxy("hosts: [shop.example.com], port: 80, strip: true"),
      `${at}.strip: does nothing without path`
    ],
    [
      "an unknown value of tls",
      proxy("hosts: [shop.example.com], port: 80, tls: none"),
      `${at}.tls: must be auto, off, or a map with the secrets certificate and key, not "none"`
    ],
    [
      "a certificate without its key",
      proxy("hosts: [shop.example.com], port: 80, tls: { certificate: CERT }"),
      `${at}.tls.key: is missing`
    ],
    [
      "a wildcard that would need a certificate",
      proxy('hosts: ["*.example.com"], port: 80'),
      `${at}.hosts[0]: *.example.com cannot have tls: auto; list the names, or use a certificate or tls: off`
    ],
    [
      "an address that would need a certificate",
      proxy("hosts: [203.0.113.10], port: 80"),
      `${at}.hosts[0]: 203.0.113.10 is an address, which cannot have tls: auto; use a certificate or tls: off`
    ],
    [
      "a local name that would need a certificate",
      proxy("hosts: [intranet], port: 80"),
      `${at}.hosts[0]: intranet is not a public name, so it cannot have tls: auto; use a certificate or tls: off`
    ],
    [
      "an invalid size",
      proxy("hosts: [shop.example.com], port: 80, max_body: 10MB"),
      `${at}.max_body: must be a size such as 512k, 100m or 2g, not "10MB"`
    ],
    [
      "a host that is listed twice",
      proxy("hosts: [shop.example.com, shop.example.com], port: 80"),
      `${at}.hosts[1]: repeats shop.example.com`
    ],
    [
      "a host that another service serves",
      beside(web),
      "12 services.api.proxy.hosts[0]: shop.example.com is already served by web"
    ],
    [
      "a path that another service serves",
      beside(web.replace("3000", "3000, path: /api"), web.replace("3000", "3000, path: /api")),
      "12 services.api.proxy.hosts[0]: shop.example.com/api is already served by web"
    ],
    [
      "two kinds of tls for one host",
      beside(web.replace("3000", "3000, path: /api, tls: off")),
      "12 services.api.proxy.hosts[0]: shop.example.com has tls: off here and tls: auto in web; use the same for both"
    ],
    [
      "a fixed port that the proxy serves",
      service(`${web}\n    ports: ["8080:3000"]`),
      "9 services.web.ports[0]: publishes port 3000, which the proxy serves; remove it, because a fixed port stops the service on every deploy"
    ],
    [
      "a published port that the proxy needs",
      beside('ports: ["80:80"]'),
      "12 services.api.ports[0]: publishes port 80 on web1, which the proxy needs there"
    ],
    [
      "the same port for HTTP and HTTPS",
      `${service(web)}proxy: { http: 443 }\n`,
      "9 proxy.https: must differ from http, which is also 443"
    ],
    [
      "a proxy that no service uses",
      `${smallest}proxy: { http: 8080 }\n`,
      "8 proxy: does nothing, because no service has proxy"
    ],
    [
      "an address for certificates that no service needs",
      `${service(web.replace("3000", "3000, tls: off"))}proxy: { email: ops@example.com }\n`,
      "9 proxy.email: does nothing, because no service has tls: auto"
    ],
    [
      "an invalid directory",
      `${service(web)}proxy: { acme: http://ca.example.com/dir }\n`,
      '9 proxy.acme: must be the https:// address of an ACME directory, not "http://ca.example.com/dir"'
    ],
    [
      "an invalid image of the proxy",
      `${service(web)}proxy: { image: Caddy }\n`,
      "9 proxy.image: must be in lower case, except for the tag: caddy"
    ]
  ])
})

it.live("fills in the defaults", () =>
  Effect.gen(function* () {
    const project = yield* loadText(service(web))
    expect(project.proxy).toBeUndefined()
    expect(project.services[0]?.proxy).toEqual({
      hosts: ["shop.example.com"],
      port: 3000,
      path: "/",
      strip: false,
      tls: { _tag: "Auto" },
      responseTimeout: Duration.seconds(60)
    })
  })
)

it.live("reads every key", () =>
  Effect.gen(function* () {
    const project = yield* loadText(proxied)
    expect(project.proxy).toEqual({
      image: { registry: "registry.example.com", path: "caddy", tag: "2" },
      http: 8080,
      https: 8443,
      email: "ops@example.com",
      acme: "https://ca.example.com/directory"
    })
    expect(project.services[1]?.proxy).toEqual({
      hosts: ["*.example.net", "intranet"],
      port: 80,
      path: "/a/b",
      strip: true,
      tls: { _tag: "Certificate", certificate: "CERT", key: "KEY" },
      maxBody: 100 * 1024 * 1024,
      responseTimeout: Duration.seconds(5)
    })
    expect(secretNames(project)).toEqual(["CERT", "KEY"])
  })
)

it.live("lets two services share a host with different paths, and two servers serve the same host", () =>
  Effect.gen(function* () {
    yield* loadText(beside(web.replace("3000", "3000, path: /api")))
    const two = beside(web).replace("services:", "  web2: { host: 203.0.113.11 }\nservices:")
    yield* loadText(two.replace("image: nginx\n    hosts: [web1]", "image: nginx\n    hosts: [web2]"))
  })
)
