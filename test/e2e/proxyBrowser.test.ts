import { afterAll, beforeAll, expect, test } from "bun:test"
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { done } from "./observe.ts"
import { proxyImage } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })
const open: Array<Browser> = []
let certificate: { readonly certificate: string; readonly key: string; readonly pin: string }

beforeAll(async () => {
  await buildProxyImage(hosts.operator, { name: proxyImage })
  const [crt, key] = ["crt", "key"].map((name) => join(hosts.folder, name))
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test".split(" ")
  const name = ["-addext", "subjectAltName=DNS:shop.test"]
  await hosts.operator.run(["openssl", ...words, ...name, "-keyout", key ?? "", "-out", crt ?? ""])
  const pin = `openssl x509 -in ${crt} -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`
  certificate = {
    certificate: readFileSync(crt ?? "", "utf8"),
    key: readFileSync(key ?? "", "utf8"),
    pin: await hosts.operator.run(["sh", "-c", pin])
  }
})
afterAll(() => Promise.all(open.map((browser) => browser.close())))

/** Answers a websocket's handshake, then says hello, and echoes one message of four bytes. */
const socket = `#!/bin/busybox sh
while read -r line; do
  line=\${line%?}
  case $line in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=\${line#*: } ;; '') break ;; esac
done
accept=$(printf '%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11' "$key" | sha1sum | cut -c1-40 | xxd -r -p | base64)
printf 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: %s\\r\\n\\r\\n' "$accept"
printf '\\201\\005hello'
# Two bytes, the mask, and the message.
frame=$(dd bs=1 count=10 2>/dev/null | xxd -p)
printf '\\201\\004'
for at in 1 3 5 7; do
  mask=$(echo "$frame" | cut -c$((at + 4))-$((at + 5))) byte=$(echo "$frame" | cut -c$((at + 12))-$((at + 13)))
  printf "\\\\$(printf %o $((0x$mask ^ 0x$byte)))"
done
sleep 60
`

const write = () => {
  const tls = { certificate: "CERT", key: "KEY" }
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: "<title>shop</title>" },
    config: {
      proxy: { image: proxyImage },
      services: {
        web: { ports: [], health: { running_for: "0s" }, proxy: { hosts: ["shop.test"], port: 80, tls } },
        socket: {
          build: { context: "./web" },
          hosts: ["h1"],
          command: ["/bin/busybox", "nc", "-ll", "-p", "81", "-e", "/socket"],
          health: { running_for: "0s" },
          proxy: { hosts: ["shop.test"], path: "/socket", port: 81, tls }
        }
      }
    }
  })
  const context = join(project.root, "web")
  writeFileSync(join(context, "socket"), socket, { mode: 0o755 })
  appendFileSync(join(context, "Dockerfile"), "COPY socket /socket\n")
  return project
}

/** Starts a browser in the operator's network. It finds the server by name, and trusts the certificate alone. */
const browse = async (...more: ReadonlyArray<string>) => {
  const inside = hosts.operator.start(["sh", "-c", "echo ready; exec sleep infinity"])
  await inside.waitFor("ready")
  const program = join(hosts.folder, `chromium-${open.length}`)
  writeFileSync(program, `#!/bin/sh\nexec nsenter --net=/proc/${inside.pid}/ns/net /usr/bin/chromium "$@"\n`)
  chmodSync(program, 0o755)
  const args = [
    // Chromium's sandbox does not work as root.
    "--no-sandbox",
    `--host-resolver-rules=MAP shop.test ${hosts.server("h1").ip}`,
    `--ignore-certificate-errors-spki-list=${certificate.pin}`,
    ...more
  ]
  const browser = await chromium.launch({ executablePath: program, args })
  open.push(browser)
  return browser.newPage()
}

test("a browser gets a page by HTTPS with HTTP/2 and with HTTP/3, and talks through a websocket", async () => {
  done(await write().jiji(["deploy"], { env: { CERT: certificate.certificate, KEY: certificate.key } }))
  const page = await browse("--disable-quic")
  // It is redirected to HTTPS.
  const response = await page.goto("http://shop.test/")
  expect(page.url()).toBe("https://shop.test/")
  expect(await page.title()).toBe("shop")
  expect(await response?.securityDetails()).toMatchObject({ protocol: "TLS 1.3" })
  const protocol = `performance.getEntriesByType("navigation")[0].nextHopProtocol`
  expect(await page.evaluate<string>(protocol)).toBe("h2")
  const talk = `new Promise((resolve, reject) => {
    const socket = new WebSocket("wss://shop.test/socket")
    const messages = []
    socket.onerror = () => reject(new Error("the websocket failed"))
    socket.onmessage = ({ data }) => {
      messages.push(data)
      if (messages.length === 1) socket.send("ping")
      else resolve(messages)
    }
  })`
  expect(await page.evaluate<ReadonlyArray<string>>(talk)).toEqual(["hello", "ping"])

  const quic = await browse("--origin-to-force-quic-on=shop.test:443")
  await quic.goto("https://shop.test/")
  expect(await quic.title()).toBe("shop")
  expect(await quic.evaluate<string>(protocol)).toBe("h3")
})
