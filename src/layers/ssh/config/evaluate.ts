import { Effect } from "effect"
import { SshConfigRejected, type SshFileUnusable } from "../SshError.ts"
import type { ConfigFiles } from "./ConfigFiles.ts"
import { canonicalKeyword, treatment } from "./keywords.ts"
import { matchesList, matchesPattern } from "./patterns.ts"
import { parseLine, splitCriteria, splitWords } from "./tokenize.ts"

/** A place in an ssh_config file. */
export interface Place {
  readonly file: string
  readonly line: number
  /** As written. */
  readonly option: string
}

/** An option that applies to a host. */
export interface Setting extends Place {
  /** The arguments. For ProxyCommand one: the rest of the line. */
  readonly values: readonly [string, ...ReadonlyArray<string>]
}

/** What a lookup starts from. */
export interface Lookup {
  /** The host as it is written in deploy.yml or as a jump host. */
  readonly alias: string
  readonly localUser: string
  /** Values that override the files, by canonical option name. */
  readonly overrides: ReadonlyMap<string, string>
  /** Options that this connection does not use. */
  readonly unused: ReadonlySet<string>
}

/** The options that apply to a host, by canonical name in lower case. Those that may occur several times have several. */
export type Settings = ReadonlyMap<string, ReadonlyArray<Setting>>

/** Whether a block applies. `Place` is the first Match line that jiji cannot decide. */
type Activity = boolean | Place

const both = (outer: Activity, inner: Activity): Activity =>
  outer === false || inner === false ? false : outer === true ? inner : outer

const accumulating = new Set(["identityfile", "certificatefile", "sendenv"])
/** OpenSSH's limit. */
const maxDepth = 16

const fail = (place: Place, problem: SshConfigRejected["problem"], detail?: string): SshConfigRejected =>
  new SshConfigRejected({ ...place, problem, ...(detail === undefined ? {} : { detail }) })

/** The slot of an option: ProxyJump and ProxyCommand share one, and the first of them wins. */
const slot = (keyword: string): string => (keyword === "proxyjump" || keyword === "proxycommand" ? "proxy" : keyword)

/** Whether OpenSSH accepts a jump host: `[user@]host[:port]`, or a URL `ssh://…`. */
const isJumpHost = (text: string): boolean => {
  const plain = text.startsWith("ssh://") ? text.slice("ssh://".length).replace(/\/$/, "") : text
  const match = /^(?:.+@)?(?:\[[^[\]]+\]|[^@:/[\]]+)(?::(\d*))?$/.exec(plain)
  const port = match?.[1] ?? ""
  return match !== null && (port === "" || (Number(port) >= 1 && Number(port) <= 65535))
}

/** Why OpenSSH refuses a file with these values of an option, whether its block applies or not. */
const mistakeIn = (keyword: string, words: ReadonlyArray<string>): string | undefined => {
  switch (keyword) {
    case "setenv": {
      const word = words.find((each) => each.indexOf("=") < 1)
      return word === undefined ? undefined : `${word} does not have the form NAME=VALUE`
    }
    case "userknownhostsfile":
    case "globalknownhostsfile":
      return words.length > 1 && words.some((word) => word.toLowerCase() === "none")
        ? "`none` must be the only value"
        : undefined
    case "proxyjump": {
      const jump = words[0]?.split(",").find((each) => !isJumpHost(each))
      if (jump === undefined) return undefined
      const hint = /^[0-9a-f]*:[0-9a-f]*:/i.test(jump) ? "; write an IPv6 address in brackets" : ""
      return `"${jump}" does not have the form [user@]host[:port]${hint}`
    }
    case "ciphers":
    case "kexalgorithms":
    case "macs":
      // OpenSSH only takes patterns for algorithms to remove.
      return /^[^-].*[*?]|^[*?]/.test(words[0] ?? "") ? "it contains a wildcard" : undefined
    default:
      return undefined
  }
}

/** HostName with its tokens expanded. */
export const expandHostName = (setting: Setting, alias: string): string | SshConfigRejected => {
  const unknown = /%(?![%h])./.exec(setting.values[0].replaceAll("%%", ""))?.[0]
  if (unknown !== undefined) return fail(setting, "invalid", `it contains ${unknown}`)
  return setting.values[0].replaceAll(/%[%h]/g, (token) => (token === "%%" ? "%" : alias))
}

/**
 * Finds the options that apply to a host, as OpenSSH does: the first value wins, and `Match final` starts a second pass.
 * jiji runs no commands to decide about `Match exec`: it fails if such a block could matter.
 */
export const evaluate = Effect.fnUntraced(function* (files: ConfigFiles, lookup: Lookup) {
  const { alias, localUser, overrides, unused } = lookup
  const settings = new Map<string, Array<Setting>>()
  const taken = new Set([...overrides.keys()].map(slot))
  let final = false
  let wantsFinal = false
  let host = alias

  const effectiveHost = (): Effect.Effect<string, SshConfigRejected> => {
    if (final) return Effect.succeed(host)
    const setting = settings.get("hostname")?.[0]
    const name = setting === undefined ? alias : expandHostName(setting, alias)
    return typeof name === "string" ? Effect.succeed(name) : Effect.fail(name)
  }

  const matchHost = (place: Place, patterns: ReadonlyArray<string>): boolean | SshConfigRejected => {
    let active = false
    for (const pattern of patterns) {
      if (pattern === "") return fail(place, "invalid", "it contains an empty pattern")
      const negated = pattern.startsWith("!")
      if (!matchesPattern(negated ? pattern.slice(1) : pattern, host)) continue
      if (negated) return false
      active = true
    }
    return active
  }

  const match = Effect.fnUntraced(function* (
    place: Place,
    rest: string
  ): Effect.fn.Return<Activity, SshConfigRejected> {
    const words = [...splitCriteria(rest)]
    let result: Activity = true
    let count = 0
    for (let word = words.shift(); word !== undefined && word !== "" && !word.startsWith("#"); word = words.shift()) {
      const negated = word.startsWith("!")
      const criterion = (negated ? word.slice(1) : word).toLowerCase()
      if (criterion === "all") {
        const next = words.shift()
        if (count > 1 || (next !== undefined && next !== "" && !next.startsWith("#")))
          return yield* fail(place, "invalid", "`all` must be the only criterion")
        return both(result, !negated)
      }
      count++
      if (criterion === "final" || criterion === "canonical") {
        if (criterion === "final") wantsFinal = true
        result = both(result, final !== negated)
        continue
      }
      const argument = words.shift()
      if (argument === undefined || argument === "" || argument.startsWith("#"))
        return yield* fail(place, "invalid", `${word} has no value`)
      switch (criterion) {
        case "host":
          result = both(result, matchesList(argument.toLowerCase(), (yield* effectiveHost()).toLowerCase()) !== negated)
          break
        case "originalhost":
          result = both(result, matchesList(argument.toLowerCase(), alias.toLowerCase()) !== negated)
          break
        case "user":
          result = both(
            result,
            matchesList(argument, overrides.get("user") ?? settings.get("user")?.[0]?.values[0] ?? localUser) !==
              negated
          )
          break
        case "localuser":
          result = both(result, matchesList(argument, localUser) !== negated)
          break
        case "tagged":
          result = both(result, matchesList(argument, settings.get("tag")?.[0]?.values[0] ?? "") !== negated)
          break
        case "exec":
        case "localnetwork":
        case "version":
        case "sessiontype":
        case "command":
          result = both(result, { ...place, option: `Match ${word}` })
          break
        default:
          return yield* fail(place, "invalid", `OpenSSH has no criterion ${word}`)
      }
    }
    return count === 0 ? yield* fail(place, "invalid", "it has no criterion") : result
  })

  /** Applies an option. Fails if jiji cannot do what it says. */
  const apply = (place: Place, keyword: string, values: Setting["values"], activity: Activity) => {
    if (activity === false || unused.has(keyword)) return undefined
    const isFree = accumulating.has(keyword) || !(taken.has(slot(keyword)) || taken.has(keyword))
    if (!isFree) return undefined
    const kind = treatment(keyword)
    if (kind === undefined || kind._tag === "Harmless") return undefined
    const isRefused = kind._tag === "Refused" && !kind.unless.includes(values.join(" ").toLowerCase())
    if (activity !== true)
      return kind._tag === "Refused" && !isRefused ? undefined : fail(activity, "undecided", place.option)
    if (isRefused) return fail(place, "unsupported")
    // OpenSSH takes this for a value that is not set, so a later one counts.
    if (keyword === "connecttimeout" && values[0].toLowerCase() === "none") return undefined
    // OpenSSH lets a ProxyCommand follow `ProxyJump none`.
    taken.add(keyword === "proxyjump" && values[0].toLowerCase() === "none" ? keyword : slot(keyword))
    const setting = { ...place, values }
    const all = settings.get(keyword) ?? []
    // The second pass sees every line again.
    if (!all.some((other) => other.file === place.file && other.line === place.line))
      settings.set(keyword, [...all, setting])
    return undefined
  }

  const read = (
    file: string,
    outer: Activity,
    depth: number,
    isUsers: boolean
  ): Effect.Effect<void, SshConfigRejected | SshFileUnusable> =>
    Effect.gen(function* () {
      let activity = outer
      for (const [index, text] of (yield* files.lines(file, isUsers)).entries()) {
        const parsed = parseLine(text)
        if (parsed === undefined) continue
        const { option, rest } = parsed
        const place: Place = { file, line: index + 1, option }
        const keyword = canonicalKeyword(option)
        const kind = treatment(keyword)
        if (kind === undefined && !["host", "match", "include"].includes(keyword)) {
          const ignored = settings.get("ignoreunknown")?.[0]?.values[0].toLowerCase()
          if (ignored !== undefined && matchesList(ignored, option.toLowerCase())) continue
          return yield* fail(place, "unknown")
        }
        if (rest === "") return yield* fail(place, "invalid", "it has no value")
        const words = splitWords(rest)
        if (words === undefined) return yield* fail(place, "invalid", "a quotation mark is missing")
        const [first, ...others] = words
        if (keyword === "match") {
          activity = both(outer, yield* match(place, rest))
        } else if (first === undefined) {
          return yield* fail(place, "invalid", "it has no value")
        } else if (keyword === "host") {
          const matched = matchHost(place, words)
          if (typeof matched !== "boolean") return yield* matched
          activity = both(outer, matched)
        } else if (keyword === "include") {
          if (depth === maxDepth) return yield* fail(place, "invalid", "too many files include each other")
          for (const pattern of words) {
            if (/%|\$\{/.test(pattern)) return yield* fail(place, "unsupported", "with a variable or token")
            for (const included of yield* files.glob(pattern, isUsers))
              yield* read(included, activity, depth + 1, isUsers)
          }
        } else {
          const isOne = kind?._tag === "Supported" && kind.arguments === "one"
          if (isOne && (first === "" || others.length > 0))
            return yield* fail(place, "invalid", first === "" ? "it is empty" : "it is followed by more words")
          const mistake = mistakeIn(keyword, words)
          if (mistake !== undefined) return yield* fail(place, "invalid", mistake)
          const isLine = kind?._tag === "Supported" && kind.arguments === "line"
          const refused = apply(place, keyword, isLine ? [rest.replace(/^[ \t=]+/, "")] : [first, ...others], activity)
          if (refused !== undefined) return yield* refused
        }
      }
    })

  const pass = Effect.gen(function* () {
    for (const { isUsers, path } of files.roots) yield* read(path, true, 0, isUsers)
  })
  yield* pass
  if (wantsFinal) {
    host = (yield* effectiveHost()).toLowerCase()
    final = true
    // OpenSSH settles the name before the second pass.
    taken.add("hostname")
    yield* pass
  }
  return settings as Settings
})
