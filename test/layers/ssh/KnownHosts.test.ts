import { describe, expect, test } from "bun:test"
import { createHmac } from "node:crypto"
import { utils } from "ssh2"
import * as KnownHosts from "../../../src/layers/ssh/KnownHosts.ts"

const make = (): { readonly line: string; readonly bytes: Buffer } => {
  const line = utils.generateKeyPairSync("ed25519").public
  return { line, bytes: Buffer.from(line.split(" ")[1] ?? "", "base64") }
}
const [one, two] = [make(), make()]

const read = (text: string, host: string, port = 22) => KnownHosts.read([{ file: "known_hosts", text }], { host, port })
const judge = (text: string, host: string, port = 22, key = one) => read(text, host, port).check(key.bytes)._tag

const hash = (name: string): string => {
  const salt = Buffer.from("12345678901234567890")
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`
}

describe("known_hosts", () => {
  const cases: ReadonlyArray<
    readonly [why: string, field: string, host: string, port: number, verdict: KnownHosts.HostKeyStatus["_tag"]]
  > = [
    ["a plain name", "web1", "web1", 22, "Known"],
    ["case does not matter", "Web1", "wEb1", 22, "Known"],
    ["another name", "web2", "web1", 22, "Unknown"],
    ["a name does not match a part of another", "web1", "web11", 22, "Unknown"],
    ["several names", "web2,web1,10.0.0.1", "web1", 22, "Known"],
    ["a port in brackets", "[web1]:2222", "web1", 2222, "Known"],
    ["another port", "[web1]:2222", "web1", 2223, "Unknown"],
    ["port 22 has no brackets", "[web1]:2222", "web1", 22, "Unknown"],
    ["a bare name matches any port, as in OpenSSH", "web1", "web1", 2222, "Known"],
    ["a wildcard", "*.example.com", "web1.example.com", 22, "Known"],
    ["a dot in a wildcard only matches a dot", "*.example.com", "web1xexample.com", 22, "Unknown"],
    ["a question mark", "web?", "web1", 22, "Known"],
    ["a negation wins, wherever it is", "*.example.com,!web1.example.com", "web1.example.com", 22, "Unknown"],
    ["a negation alone matches nothing", "!web2", "web1", 22, "Unknown"],
    ["a hashed name", hash("web1"), "web1", 22, "Known"],
    ["another hashed name", hash("web2"), "web1", 22, "Unknown"],
    ["a hashed name with its port", hash("[web1]:2222"), "web1", 2222, "Known"],
    ["an IPv6 address", "2001:db8::1", "2001:db8::1", 22, "Known"],
    ["an IPv6 address with its port", "[2001:db8::1]:2222", "2001:db8::1", 2222, "Known"],
    ["a comment", "#web1", "web1", 22, "Unknown"],
    ["a certificate authority is not a host", "@cert-authority web1", "web1", 22, "Certificate"],
    ["a revoked key", "@revoked web1", "web1", 22, "Revoked"]
  ]
  for (const [why, field, host, port, verdict] of cases)
    test(why, () => {
      expect(judge(`${field} ${one.line}\n`, host, port)).toBe(verdict)
    })

  const globs: ReadonlyArray<readonly [pattern: string, name: string, matches: boolean]> = [
    ["*", "web1", true],
    ["**", "web1", true],
    ["*b*", "web1", true],
    ["*1", "web1", true],
    ["w*b?", "web1", true],
    ["w*1*", "web1", true],
    ["*we", "web1", false],
    ["?", "web1", false],
    ["web1?", "web1", false],
    ["web1*", "web1", true],
    ["*.a.*.b", "x.a.a.b", true],
    ["*ab*ab", "abab", true],
    ["*ab*ab", "ab", false],
    ["w[e]b1", "web1", false]
  ]
  test.each(globs)("the pattern %s and the name %s", (pattern, name, matches) => {
    expect(judge(`${pattern} ${one.line}\n`, name)).toBe(matches ? "Known" : "Unknown")
  })
  test("matches any pattern fast", () => {
    expect(judge(`${"*a".repeat(40)}*b ${one.line}\n`, "a".repeat(200))).toBe("Unknown")
  })
  test("writes hashed names, which only the name itself matches", () => {
    const lines = [1, 2].map(() => KnownHosts.formatLine({ host: "No-Pty", port: 2222 }, one.bytes))
    expect(lines[0]).not.toBe(lines[1])
    for (const line of lines) {
      expect(line).toMatch(/^\|1\|\S+\|\S+ ssh-ed25519 \S+\n$/)
      expect([judge(line, "no-pty", 2222), judge(line, "no-pty"), judge(line, "web1", 2222)]).toEqual([
        "Known",
        "Unknown",
        "Unknown"
      ])
    }
  })

  test("reports another key for the host as changed, with its line", () => {
    const verdict = read(`\nweb1 ${two.line}\n`, "web1").check(one.bytes)
    expect(verdict).toMatchObject({ _tag: "Changed", known: { line: 2 } })
  })
  test("accepts one of several keys", () => {
    expect(judge(`web1 ${two.line}\nweb1 ${one.line}\n`, "web1")).toBe("Known")
  })
  test("does not report another key for the bare name as changed on another port", () => {
    expect(judge(`web1 ${two.line}\n`, "web1", 2222)).toBe("Unknown")
  })
  test("a revocation overrides a line that trusts the key", () => {
    expect(judge(`web1 ${one.line}\n@revoked * ${one.line}\n`, "web1")).toBe("Revoked")
  })
  test("ignores foreign line ends, blank lines and invalid lines", () => {
    expect(judge(`\r\n  \r\nrubbish\r\n|1|broken\r\nweb1 ${one.line}\r\n`, "web1")).toBe("Known")
  })
  test("does not offer SHA-1, and offers the known key type first", () => {
    const { algorithms } = read("web1 ssh-rsa AAAA\n", "web1")
    expect(algorithms.slice(0, 3)).toEqual(["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"])
    expect(algorithms as ReadonlyArray<string>).not.toContain("ssh-rsa")
  })
})
