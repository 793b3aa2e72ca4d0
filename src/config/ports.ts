/** A published port: `[address:][host:]container[/protocol]`. */
export interface PortMapping {
  /** The address on the server to bind to. If absent, all addresses. */
  readonly address?: string
  /** The port on the server. If absent, the engine chooses one. */
  readonly host?: number
  readonly container: number
  readonly protocol: "tcp" | "udp" | "sctp"
}

const shape = /^(?:(?:(\[[0-9a-fA-F:.]+\]|\d{1,3}(?:\.\d{1,3}){3}):)?(\d+):)?(\d+)(?:\/(tcp|udp|sctp))?$/u

const valid = (port: number): boolean => port >= 1 && port <= 65535

const validAddress = (address: string): boolean =>
  address.startsWith("[") || address.split(".").every((part) => Number(part) <= 255)

/** Parses a port mapping. Returns an error message if it is invalid. */
export const parsePort = (text: string): PortMapping | string => {
  const match = shape.exec(text)
  if (match === null) {
    if (/^[^/]*\d-\d/u.test(text)) return "must be a single port; write each port of a range on its own line"
    return "must be a port mapping such as 8080:80, 127.0.0.1:8080:80, 5353:53/udp or 80"
  }
  const [, address, hostText, containerText, protocol] = match
  const host = hostText === undefined ? undefined : Number(hostText)
  const container = Number(containerText)
  for (const port of [host, container]) {
    if (port !== undefined && !valid(port)) return `must use ports from 1 to 65535, not ${port}`
  }
  if (address !== undefined && !validAddress(address)) return `must start with an IP address; ${address} is not one`
  return {
    ...(address !== undefined && { address }),
    ...(host !== undefined && { host }),
    container,
    // The pattern only matches these three.
    protocol: (protocol as PortMapping["protocol"] | undefined) ?? "tcp"
  }
}

const everywhere = (address: string | undefined): boolean =>
  address === undefined || address === "0.0.0.0" || address === "[::]"

/** Returns true if both cannot be published on the same server. */
export const portsClash = (a: PortMapping, b: PortMapping): boolean =>
  a.host !== undefined &&
  a.host === b.host &&
  a.protocol === b.protocol &&
  (everywhere(a.address) || everywhere(b.address) || a.address === b.address)
