// Slow links to TCP ports: relay.ts DELAY_MILLISECONDS BYTES_PER_SECOND HOST:PORT...
// Listens on a free port of 127.0.0.1 for each and prints them. Bytes keep their order and pace in each direction. Only a
// bounded number of bytes is in flight, so that a fast sender is slowed down as on a real link.
import { connect, createServer, type Socket } from "node:net"

const [delay = "0", rate = "0", ...targets] = process.argv.slice(2)
const delayMilliseconds = Number(delay)
const bytesPerSecond = Number(rate) === 0 ? Number.POSITIVE_INFINITY : Number(rate)
const maximumUnderWay = Math.max(65_536, bytesPerSecond === Number.POSITIVE_INFINITY ? 8 << 20 : bytesPerSecond / 4)

const carry = (from: Socket, to: Socket) => {
  let free = 0 // when the line has sent all it has been given
  let underWay = 0
  const line: Array<() => void> = []
  const later = (bytes: number, deliver: () => void) => {
    const now = performance.now()
    free = Math.max(free, now) + (bytes / bytesPerSecond) * 1000
    line.push(deliver)
    // Timers count whole milliseconds and may swap, so each one delivers the oldest chunk.
    setTimeout(() => line.shift()?.(), free + delayMilliseconds - now)
  }
  from.on("data", (chunk) => {
    underWay += chunk.length
    if (underWay > maximumUnderWay) from.pause()
    later(chunk.length, () => {
      const arrived = () => {
        underWay -= chunk.length
        if (underWay <= maximumUnderWay) from.resume()
      }
      if (!to.destroyed) to.write(chunk, arrived)
    })
  })
  from.on("end", () => later(0, () => to.end()))
  from.on("error", () => to.destroy())
  from.on("close", () => later(0, () => to.destroy()))
}

/** Opens a link and returns its port. */
const link = (target: string): Promise<number> => {
  const [host = "", port = ""] = target.split(":")
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const socket = connect({ host, port: Number(port), allowHalfOpen: true })
    for (const end of [client, socket]) end.setNoDelay(true)
    carry(client, socket)
    carry(socket, client)
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) resolve(address.port)
    })
  })
}

const ports = await Promise.all(targets.map(link))
process.stdout.write(`listening ${ports.join(" ")}\n`)
