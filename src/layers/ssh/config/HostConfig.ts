import { Effect } from "effect"
import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from "ssh2"
import { type Algorithms, choose, ciphers, keyExchanges, macs, signatures } from "./algorithms.ts"
import { SshConfigRejected } from "../SshError.ts"
import type { ConfigFiles } from "./ConfigFiles.ts"
import { evaluate, expandHostName, type Lookup, type Setting } from "./evaluate.ts"
import { type Expansion, expandHome, expandPath, expandTokens } from "./expand.ts"
import { matchesList } from "./patterns.ts"

/** How ssh would connect to a host: the settings of ssh_config for it, with every token expanded. */
export interface HostConfig {
  readonly hostName: string
  readonly port: number
  readonly user: string
  /** `jump`: comma-separated jump hosts. `command`: a program that connects. */
  readonly proxy: { readonly jump: string } | { readonly command: string; readonly from: Setting } | undefined
  /** Absolute paths; undefined if the files name none, and empty if they say `none`. */
  readonly identityFiles: ReadonlyArray<string> | undefined
  readonly identitiesOnly: boolean
  readonly certificateFiles: ReadonlyArray<string>
  /** The agent's socket; undefined for the usual one. */
  readonly agent: { readonly socket: string | undefined } | undefined
  /** The files that jiji may add to, or undefined for the usual ones. Empty for `none`. */
  readonly userKnownHosts: ReadonlyArray<string> | undefined
  readonly globalKnownHosts: ReadonlyArray<string>
  readonly hostKeyAlias: string | undefined
  readonly hostKeys: "strict" | "accept-new" | undefined
  /** A file of keys that no server may have. */
  readonly revokedHostKeys: string | undefined
  /** In seconds. */
  readonly connectTimeout: number | undefined
  /** How often to try to open a TCP connection. */
  readonly connectionAttempts: number
  readonly family: 4 | 6 | undefined
  readonly bindAddress: string | undefined
  readonly keyExchanges: ReadonlyArray<KexAlgorithm>
  readonly ciphers: ReadonlyArray<CipherAlgorithm>
  readonly macs: ReadonlyArray<MacAlgorithm>
  readonly hostKeyAlgorithms: ReadonlyArray<ServerHostKeyAlgorithm>
  /** Whether the types of known keys come first in that list. */
  readonly prefersKnownTypes: boolean
  /** The signature algorithms to log in with. */
  readonly publicKeyAlgorithms: ReadonlyArray<string>
  readonly minimumRsaBits: number
  /** Environment variables for commands on the server. */
  readonly env: Readonly<Record<string, string>>
}

/** What the evaluation needs to know besides the files. */
export interface Caller {
  readonly home: string
  /** The folder of the system's files. */
  readonly system: string
  readonly user: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

const yes = ["yes", "true"]
const no = ["no", "false"]

const hostKeyPolicies: Readonly<Record<string, HostConfig["hostKeys"]>> = {
  yes: "strict",
  true: "strict",
  // ssh asks only at a terminal, and refuses otherwise. jiji never asks.
  ask: "strict",
  "accept-new": "accept-new",
  // jiji still refuses a changed key.
  no: "accept-new",
  false: "accept-new",
  off: "accept-new"
}

const secondsIn: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Parses a time such as `90` or `1m30s`. */
const parseSeconds = (text: string): number | undefined => {
  if (!/^(\d{1,9}[smhdw]?)+$/i.test(text)) return undefined
  const parts = [...text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)]
  return parts.reduce((total, [, count, unit]) => total + Number(count) * (secondsIn[unit ?? ""] ?? 1), 0)
}

/** Computes how to connect to a host. Fails if a file has an option for it that jiji cannot honor. */
export const load = Effect.fnUntraced(function* (
  files: ConfigFiles,
  caller: Caller,
  lookup: Pick<Lookup, "alias" | "overrides" | "unused">
) {
  const { alias, overrides } = lookup
  const settings = yield* evaluate(files, { ...lookup, localUser: caller.user })
  const all = (keyword: string) => settings.get(keyword) ?? []
  const one = (keyword: string) => all(keyword)[0]

  const invalid = (setting: Setting, detail: string, problem: SshConfigRejected["problem"] = "invalid") =>
    new SshConfigRejected({ file: setting.file, line: setting.line, option: setting.option, problem, detail })
  const orFail = <A>(value: A | SshConfigRejected) =>
    value instanceof SshConfigRejected ? Effect.fail(value) : Effect.succeed(value)
  /** The meaning of an option, or undefined if it is not set. */
  const read = <A>(keyword: string, meaning: (value: string, setting: Setting) => A | SshConfigRejected) => {
    const setting = one(keyword)
    return setting === undefined ? Effect.undefined : orFail(meaning(setting.values[0], setting))
  }
  const among =
    <A>(meanings: Readonly<Record<string, A>>) =>
    (value: string, setting: Setting) =>
      meanings[value.toLowerCase()] ?? invalid(setting, `${value} is not one of its values`)
  const number = (limit: number) => (value: string, setting: Setting) =>
    /^\d{1,9}$/.test(value) && Number(value) <= limit
      ? Number(value)
      : invalid(setting, `${value} is not a number that it accepts`)
  const plain = (value: string, setting: Setting) =>
    /%|\$\{/.test(value) ? invalid(setting, "with a variable or token", "unsupported") : value
  const flag = (keyword: string) =>
    read(
      keyword,
      among({
        ...Object.fromEntries(yes.map((word) => [word, "yes"])),
        ...Object.fromEntries(no.map((word) => [word, "no"]))
      })
    )
  const algorithms = <A extends string>(keyword: string, own: Algorithms<A>) =>
    read(keyword, (list, setting) => {
      const chosen = choose(list, own)
      return chosen.length === 0 ? invalid(setting, `with ${list}: jiji has none of these`, "unsupported") : chosen
    })

  const hostName = ((yield* read("hostname", (_, setting) => expandHostName(setting, alias))) ?? alias).toLowerCase()
  const filePort = yield* read("port", (value, setting) => {
    const port = number(65535)(value, setting)
    return port === 0 ? invalid(setting, "0 is not a port") : port
  })
  const fileUser = yield* read("user", plain)
  const hostKeyAlias = one("hostkeyalias")?.values[0]
  const expansion: Expansion = {
    home: caller.home,
    localUser: caller.user,
    env: caller.environment,
    alias,
    host: hostName,
    hostKeyAlias,
    port: overrides.has("port") ? Number(overrides.get("port")) : (filePort ?? 22),
    user: overrides.get("user") ?? fileUser ?? caller.user,
    proxyJump: [overrides.get("proxyjump") ?? one("proxyjump")?.values[0]].find(
      (jump) => jump?.toLowerCase() !== "none"
    )
  }
  const path = (value: string, setting: Setting) => expandPath(setting, value, expansion)
  const isNone = (value: string) => value.toLowerCase() === "none"
  const paths = (keyword: string) =>
    Effect.forEach(
      all(keyword).filter(({ values }) => !isNone(values[0])),
      (setting) => orFail(path(setting.values[0], setting))
    ).pipe(Effect.map((found) => [...new Set(found)]))

  const jump =
    overrides.get("proxyjump") ??
    (yield* read("proxyjump", (value, setting) => expandTokens(setting, value, expansion, "hnpr")))
  const command = yield* read("proxycommand", (value, setting) => expandTokens(setting, value, expansion, "hnpr"))
  const commandSetting = one("proxycommand")
  const proxy =
    jump !== undefined && !isNone(jump)
      ? { jump }
      : command !== undefined && commandSetting !== undefined && !isNone(command)
        ? { command, from: commandSetting }
        : undefined

  yield* read("preferredauthentications", (value, setting) =>
    value.split(",").includes("publickey") ? value : invalid(setting, "without publickey", "unsupported")
  )
  const userFiles = one("userknownhostsfile")
  const globalFiles = one("globalknownhostsfile")
  const variables: Record<string, string> = {}
  for (const pattern of all("sendenv").flatMap(({ values }) => values)) {
    // jiji reads what the engine prints, in English.
    for (const [name, value] of Object.entries(caller.environment))
      if (
        value !== undefined &&
        !/^(LANG|LANGUAGE|LC_.*)$/.test(name) &&
        !pattern.startsWith("-") &&
        matchesList(pattern, name)
      )
        variables[name] = value
  }
  const set = new Set<string>()
  for (const word of one("setenv")?.values ?? []) {
    const at = word.indexOf("=")
    const name = word.slice(0, at)
    // The first value of a name counts, but SetEnv overrides SendEnv.
    if (set.has(name)) continue
    set.add(name)
    variables[name] = word.slice(at + 1)
  }

  return {
    hostName,
    port: expansion.port,
    user: expansion.user,
    proxy,
    identityFiles: settings.has("identityfile") ? yield* paths("identityfile") : undefined,
    identitiesOnly: (yield* flag("identitiesonly")) === "yes",
    certificateFiles: yield* paths("certificatefile"),
    agent: yield* read("identityagent", (value, setting) => {
      if (isNone(value)) return { socket: undefined }
      if (value === "SSH_AUTH_SOCK") return { socket: caller.environment["SSH_AUTH_SOCK"] }
      const variable = /^\$(\w+)$/.exec(value)?.[1]
      if (variable !== undefined) return { socket: caller.environment[variable] }
      const socket = path(value, setting)
      return typeof socket === "string" ? { socket } : socket
    }),
    userKnownHosts:
      userFiles === undefined
        ? undefined
        : yield* Effect.forEach(
            userFiles.values.filter((file) => !isNone(file)),
            (file) => orFail(path(file, userFiles))
          ),
    globalKnownHosts:
      globalFiles === undefined
        ? ["ssh_known_hosts", "ssh_known_hosts2"].map((file) => `${caller.system}/${file}`)
        : globalFiles.values.filter((file) => !isNone(file)),
    hostKeyAlias,
    hostKeys: yield* read("stricthostkeychecking", among(hostKeyPolicies)),
    revokedHostKeys: yield* read("revokedhostkeys", (value, setting) => {
      if (isNone(value)) return undefined
      const file = plain(value, setting)
      return typeof file === "string" ? expandHome(setting, file, caller.home) : file
    }),
    connectTimeout: yield* read("connecttimeout", (value, setting) => {
      const seconds = parseSeconds(value)
      // OpenSSH takes 0 for no limit.
      return seconds === undefined ? invalid(setting, `${value} is not a time`) : seconds === 0 ? undefined : seconds
    }),
    connectionAttempts:
      (yield* read("connectionattempts", (value, setting) => {
        const attempts = number(999_999_999)(value, setting)
        return attempts === 0 ? invalid(setting, "0 is not a number that it accepts") : attempts
      })) ?? 1,
    family: yield* read("addressfamily", (value, setting) =>
      value.toLowerCase() === "any" ? undefined : among({ inet: 4, inet6: 6 } as const)(value, setting)
    ),
    bindAddress: one("bindaddress")?.values[0],
    keyExchanges: (yield* algorithms("kexalgorithms", keyExchanges)) ?? keyExchanges.usual,
    ciphers: (yield* algorithms("ciphers", ciphers)) ?? ciphers.usual,
    macs: (yield* algorithms("macs", macs)) ?? macs.usual,
    hostKeyAlgorithms: (yield* algorithms("hostkeyalgorithms", signatures)) ?? signatures.usual,
    prefersKnownTypes: /^[-+]|^$/.test(one("hostkeyalgorithms")?.values[0] ?? ""),
    publicKeyAlgorithms: (yield* algorithms("pubkeyacceptedalgorithms", signatures)) ?? signatures.usual,
    minimumRsaBits: (yield* read("requiredrsasize", number(65535))) ?? 1024,
    env: variables
  } satisfies HostConfig as HostConfig
})
