/** A deploy file with every key of the proxy. */
export const proxied = `project: shop
proxy:
  image: registry.example.com/caddy:2
  http: 8080
  https: 8443
  email: ops@example.com
  acme: https://ca.example.com/directory
servers:
  web1: { host: 203.0.113.10 }
services:
  web:
    image: nginx:1.27
    hosts: [web1]
    proxy: { hosts: [shop.example.com, www.example.com], port: 3000 }
    health: { path: /up, status: 200-299, interval: 500ms }
    drain: 1m
  files:
    image: nginx:1.27
    hosts: [web1]
    proxy:
      hosts: ["*.example.net", intranet]
      port: 80
      path: /a/b
      strip: true
      tls: { certificate: CERT, key: KEY }
      max_body: 100m
      response_timeout: 5s
`
