/** What jiji does with an option of ssh_config. */
export type Treatment =
  /** jiji does what ssh does. */
  | { readonly _tag: "Supported"; readonly arguments: "one" | "many" | "line" }
  /** It changes nothing that jiji does. */
  | { readonly _tag: "Harmless" }
  /** jiji refuses it, unless its value (in lower case) is one of these. */
  | { readonly _tag: "Refused"; readonly unless: ReadonlyArray<string> }

const one = [
  "addressfamily",
  "bindaddress",
  "ciphers",
  "certificatefile",
  "connectionattempts",
  "connecttimeout",
  "hostkeyalgorithms",
  "hostkeyalias",
  "hostname",
  "identitiesonly",
  "identityagent",
  "identityfile",
  "ignoreunknown",
  "kexalgorithms",
  "macs",
  "port",
  "preferredauthentications",
  "proxyjump",
  "pubkeyacceptedalgorithms",
  "requiredrsasize",
  "revokedhostkeys",
  "stricthostkeychecking",
  "tag",
  "user"
]
const many = ["globalknownhostsfile", "userknownhostsfile", "sendenv", "setenv"]

/** Options about terminals, forwards that the user asked for, logs, and ways to log in that jiji lacks. */
const harmless = [
  "addkeystoagent",
  "batchmode",
  "canonicaldomains",
  "canonicalizefallbacklocal",
  "canonicalizemaxdots",
  "canonicalizepermittedcnames",
  "casignaturealgorithms",
  "channeltimeout",
  "clearallforwardings",
  // jiji never compresses: image layers are compressed already.
  "compression",
  "controlmaster",
  "controlpath",
  "controlpersist",
  "dynamicforward",
  "enableescapecommandline",
  "enablesshkeysign",
  "escapechar",
  "exitonforwardfailure",
  "fingerprinthash",
  "forkafterauthentication",
  "forwardagent",
  "forwardx11",
  "forwardx11timeout",
  "forwardx11trusted",
  "gatewayports",
  "gssapiauthentication",
  "gssapiclientidentity",
  "gssapidelegatecredentials",
  "gssapikexalgorithms",
  "gssapikeyexchange",
  "gssapirenewalforcesrekey",
  "gssapiserveridentity",
  "gssapitrustdns",
  // jiji always hashes the names that it records.
  "hashknownhosts",
  "hostbasedacceptedalgorithms",
  "hostbasedauthentication",
  "ipqos",
  "kbdinteractiveauthentication",
  "kbdinteractivedevices",
  "localforward",
  "loglevel",
  "logverbose",
  // jiji checks the keys of localhost too.
  "nohostauthenticationforlocalhost",
  "numberofpasswordprompts",
  "obscurekeystroketiming",
  "passwordauthentication",
  "permitremoteopen",
  "remoteforward",
  "requesttty",
  "securitykeyprovider",
  // jiji sends keep-alives of its own.
  "serveralivecountmax",
  "serveraliveinterval",
  "stdinnull",
  "streamlocalbindmask",
  "streamlocalbindunlink",
  "syslogfacility",
  "tcpkeepalive",
  "tunnel",
  "tunneldevice",
  // jiji learns no further host keys from a server.
  "updatehostkeys",
  "versionaddendum",
  "visualhostkey",
  "warnweakcrypto",
  "xauthlocation",
  // OpenSSH ignores these too.
  "afstokenpassing",
  "cipher",
  "compressionlevel",
  "fallbacktorsh",
  "globalknownhostsfile2",
  "kerberosauthentication",
  "kerberostgtpassing",
  "protocol",
  "rhostsauthentication",
  "rhostsrsaauthentication",
  "rsaauthentication",
  "smartcarddevice",
  "useblacklistedkeys",
  "useprivilegedport",
  "userknownhostsfile2",
  "useroaming",
  "usersh",
  // macOS only.
  ...(process.platform === "darwin" ? ["usekeychain"] : [])
]

const no = ["no", "false"]
const refused: Readonly<Record<string, ReadonlyArray<string>>> = {
  bindinterface: [],
  canonicalizehostname: [...no, "none"],
  checkhostip: no,
  knownhostscommand: ["none"],
  permitlocalcommand: no,
  pkcs11provider: ["none"],
  proxyusefdpass: no,
  pubkeyauthentication: ["yes", "true", "unbound", "host-bound"],
  refuseconnection: [],
  rekeylimit: ["default", "default none"],
  remotecommand: ["none"],
  sessiontype: ["default"],
  verifyhostkeydns: no
}

const aliases: Readonly<Record<string, string>> = {
  challengeresponseauthentication: "kbdinteractiveauthentication",
  dsaauthentication: "pubkeyauthentication",
  hostbasedkeytypes: "hostbasedacceptedalgorithms",
  identityfile2: "identityfile",
  keepalive: "tcpkeepalive",
  pubkeyacceptedkeytypes: "pubkeyacceptedalgorithms",
  skeyauthentication: "kbdinteractiveauthentication",
  tisauthentication: "kbdinteractiveauthentication"
}

const treatments = new Map<string, Treatment>([
  ...one.map((name) => [name, { _tag: "Supported", arguments: "one" }] as const),
  ...many.map((name) => [name, { _tag: "Supported", arguments: "many" }] as const),
  ["proxycommand", { _tag: "Supported", arguments: "line" }],
  // Without PermitLocalCommand, which is refused, this does nothing.
  ["localcommand", { _tag: "Harmless" }],
  ...harmless.map((name) => [name, { _tag: "Harmless" }] as const),
  ...Object.entries(refused).map(([name, unless]) => [name, { _tag: "Refused", unless }] as const)
])

/** The canonical name of an option, in lower case. */
export const canonicalKeyword = (option: string): string => {
  const keyword = option.toLowerCase()
  return aliases[keyword] ?? keyword
}

/** What jiji does with an option, by its canonical name; undefined if OpenSSH has no such option. */
export const treatment = (keyword: string): Treatment | undefined => treatments.get(keyword)
