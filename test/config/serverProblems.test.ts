import { describe } from "bun:test"
import { smallest } from "./project.ts"
import { server, top, name, length, port, testProblems } from "./problems.ts"

describe("reports", () => {
  testProblems([
    ["a server without an address", server(""), "3 servers.web1.host: is missing"],
    [
      "an invalid server name",
      smallest.replace("servers:", "servers:\n  Web_1-: { host: b }"),
      `3 servers.Web_1-: ${name}`
    ],
    [
      "a user in the host",
      server("host: deploy@example.com"),
      '3 servers.web1.host: must be an address or a host\'s name, without user and port, not "deploy@example.com"'
    ],
    [
      "an option in the host",
      server('host: "-oProxyCommand=x"'),
      '3 servers.web1.host: must be an address or a host\'s name, without user and port, not "-oProxyCommand=x"'
    ],
    [
      "an unknown processor",
      server("host: a, arch: x86"),
      '3 servers.web1.arch: must be amd64, arm64, arm/v7, arm/v6, riscv64, ppc64le or s390x, not "x86"'
    ],
    ["an SSH port out of range", server("host: a, port: 65536"), `3 servers.web1.port: ${port}, not 65536`],
    [
      "a huge number",
      server("host: a, port: 99999999999999999999"),
      `3 servers.web1.port: ${port}, not 100000000000000000000`
    ],
    ["a number in quotes", server('host: a, port: "22"'), `3 servers.web1.port: ${port}, not "22"; remove the quotes`],
    [
      "a value that is not in the list of allowed values",
      top("ssh: { host_keys: off }"),
      '8 ssh.host_keys: must be strict or accept-new, not "off"'
    ],
    [
      "a jump host with spaces",
      top("ssh: { proxy: a b }"),
      '8 ssh.proxy: must be a jump host such as bastion.example.com or deploy@bastion.example.com:2222, not "a b"'
    ],
    [
      "a jump host's port out of range",
      top("ssh: { proxy: 'a:65536' }"),
      '8 ssh.proxy: must be a jump host such as bastion.example.com or deploy@bastion.example.com:2222, not "a:65536"'
    ],
    ["one SSH key instead of a list", top("ssh: { keys: ~/.ssh/id }"), '8 ssh.keys: must be a list, not "~/.ssh/id"'],
    [
      "a passphrase instead of the name of a secret",
      top("ssh: { passphrase: hunter2 }"),
      "8 ssh.passphrase: must be the name of a secret in capitals, such as API_TOKEN, not this string"
    ],
    ["a duration without a unit", top("ssh: { connect_timeout: 10 }"), `8 ssh.connect_timeout: ${length}, not 10`],
    [
      "a duration with an unknown unit",
      top("ssh: { connect_timeout: 10 fortnights }"),
      `8 ssh.connect_timeout: ${length}, not "10 fortnights"`
    ]
  ])
})
