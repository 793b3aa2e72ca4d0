import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText } from "./project.ts"
import { service, testProblems } from "./problems.ts"

/** The settings of the service with one more key, or several in one line each. */
const settingsOf = (...keys: ReadonlyArray<string>) =>
  Effect.map(loadText(service(keys.join("\n    "))), ({ services }) => services[0]?.settings)

describe("accepts what compose accepts", () => {
  for (const [key, settings] of [
    ["memory: 512m", { memory: "512m" }],
    ["memory: 1.5G", { memory: "1.5G" }],
    ["memory: 6291456", { memory: "6291456" }],
    ["cpus: 0.5", { cpus: "0.5" }],
    ['cpus: "2"', { cpus: "2" }],
    ["restart: no", { restart: "no" }],
    ["restart: on-failure:5", { restart: "on-failure:5" }],
    ["labels: { com.example.tier: 1.10, on: true }", { labels: { "com.example.tier": "1.10", on: "true" } }],
    ["user: 1000", { user: "1000" }],
    ["user: app:staff", { user: "app:staff" }],
    ["entrypoint: [bin/start, 0755]", { entrypoint: ["bin/start", "0755"] }],
    ["working_dir: /app", { working_dir: "/app" }],
    ["init: true", { init: true }],
    ["read_only: false", { read_only: false }],
    ['tmpfs: [/tmp, "/run:size=64m,mode=1777"]', { tmpfs: ["/tmp", "/run:size=64m,mode=1777"] }],
    ["shm_size: 256mb", { shm_size: "256mb" }],
    ["ulimits: { nofile: 65536 }", { ulimits: { nofile: { soft: 65536, hard: 65536 } } }],
    ["ulimits: { core: { soft: 0, hard: -1 } }", { ulimits: { core: { soft: 0, hard: -1 } } }],
    ["cap_add: [net_admin, CAP_SYS_TIME]", { cap_add: ["NET_ADMIN", "SYS_TIME"] }],
    ["cap_drop: [ALL]", { cap_drop: ["ALL"] }],
    [
      'devices: [/dev/fuse, "/dev/a:/dev/b:rw", vendor.com/device=all]',
      { devices: ["/dev/fuse", "/dev/a:/dev/b:rw", "vendor.com/device=all"] }
    ],
    ["gpus: all", { gpus: "all" }],
    ["gpus: 2", { gpus: "2" }],
    [
      'extra_hosts: ["db:10.0.0.5", "v6=fd00::5", host.docker.internal:host-gateway]',
      { extra_hosts: ["db:10.0.0.5", "v6:fd00::5", "host.docker.internal:host-gateway"] }
    ],
    [
      "logging: { driver: json-file, options: { max-size: 10m, max-file: 3 } }",
      { logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } } }
    ],
    ["stop_timeout: 1m30s", { stop_timeout: 90 }],
    ["stop_timeout: 1500ms", { stop_timeout: 2 }],
    ["stop_signal: 15", { stop_signal: "15" }],
    ["stop_signal: SIGRTMIN+3", { stop_signal: "SIGRTMIN+3" }],
    ['engine_options: ["--cpuset-cpus=0,1", --privileged]', { engine_options: ["--cpuset-cpus=0,1", "--privileged"] }]
  ] as const) {
    it.live(key, () =>
      Effect.gen(function* () {
        expect(yield* settingsOf(key)).toEqual(settings)
      })
    )
  }

  it.live("and treats empty lists and maps like absent keys", () =>
    Effect.gen(function* () {
      expect(yield* settingsOf("cap_add: []", "labels: {}", "engine_options: []")).toBeUndefined()
    })
  )
})

describe("reports", () => {
  testProblems([
    [
      "memory below what the engines accept",
      service("memory: 4m"),
      "8 services.web.memory: must be at least 6m, which is the least that the engines accept"
    ],
    [
      "memory that is no size",
      service("memory: 512 MB"),
      '8 services.web.memory: must be a size such as 512m or 2g, not "512 MB"'
    ],
    ["an empty /dev/shm", service("shm_size: 0"), "8 services.web.shm_size: must be at least 1 byte"],
    ["no processor", service("cpus: 0"), '8 services.web.cpus: must be a number of processors such as 1.5, not "0"'],
    [
      "an unknown restart policy",
      service("restart: on-fail"),
      '8 services.web.restart: must be unless-stopped, always, on-failure, on-failure:N or no, not "on-fail"'
    ],
    [
      "a label of jiji's",
      service("labels: { jiji.project: other }"),
      "8 services.web.labels.jiji.project: must be a label's name without spaces and =, such as com.example.team; names that begin with jiji. belong to jiji"
    ],
    [
      "a user that is an option",
      service("user: --privileged"),
      "8 services.web.user: must be a user, or a user and a group, such as app, 1000 or 1000:1000"
    ],
    [
      "an entry point that is not a list",
      service("entrypoint: bin/start"),
      '8 services.web.entrypoint: must be a list with at least one word, not "bin/start"'
    ],
    [
      "a relative working folder",
      service("working_dir: app"),
      "8 services.web.working_dir: must be an absolute path in the container, such as /app"
    ],
    ["a Boolean in quotes", service('init: "yes"'), '8 services.web.init: must be true or false, not "yes"'],
    [
      "a relative tmpfs",
      service("tmpfs: [tmp]"),
      "8 services.web.tmpfs[0]: must be an absolute path in the container, with options after a colon if needed, such as /run:size=64m"
    ],
    [
      "an unknown limit",
      service("ulimits: { nofiles: 1 }"),
      "8 services.web.ulimits.nofiles: must be the name of a limit (core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack)"
    ],
    [
      "a limit that is no number",
      service("ulimits: { nofile: many }"),
      '8 services.web.ulimits.nofile: must be a whole number, or a map with soft and hard; -1 is unlimited, not "many"'
    ],
    [
      "a soft limit above the hard one",
      service("ulimits: { nofile: { soft: -1, hard: 10 } }"),
      "8 services.web.ulimits.nofile: must have a soft limit that is not above its hard limit"
    ],
    [
      "a mistyped capability",
      service("cap_add: [NET_ADMINS]"),
      "8 services.web.cap_add[0]: NET_ADMINS is not a capability; did you mean `NET_ADMIN`?"
    ],
    [
      "a capability that is both added and dropped",
      service("cap_add: [CAP_CHOWN]\n    cap_drop: [ALL, chown]"),
      "9 services.web.cap_drop[1]: CHOWN is also under cap_add; remove one of them"
    ],
    [
      "a device that is no path",
      service("devices: [ttyUSB0]"),
      "8 services.web.devices[0]: must be a device such as /dev/ttyUSB0 or /dev/snd:/dev/snd:rw, or the CDI name of one such as vendor.com/device=all"
    ],
    ["no GPU", service("gpus: 0"), '8 services.web.gpus: must be all, or a number of GPUs from 1 to 64, not "0"'],
    [
      "a host without an address",
      service("extra_hosts: [db]"),
      '8 services.web.extra_hosts[0]: must be a name and an address such as db.internal:10.0.0.5, not "db"'
    ],
    [
      "a host whose address is a name",
      service("extra_hosts: [db:db2]"),
      "8 services.web.extra_hosts[0]: must have an IP address or host-gateway after the name; db2 is neither"
    ],
    [
      "a log driver that is an option",
      service("logging: { driver: --rm }"),
      '8 services.web.logging.driver: must be the name of a log driver such as json-file or journald, not "--rm"'
    ],
    [
      "an unknown key of logging",
      service("logging: { option: {} }"),
      "8 services.web.logging.option: is not a known key; did you mean `options`?"
    ],
    [
      "a stop_timeout without a unit",
      service("stop_timeout: 30"),
      '8 services.web.stop_timeout: must be a duration such as 500ms, 10s, 1m30s, 2h or "10 minutes", not 30'
    ],
    [
      "an unknown signal",
      service("stop_signal: SIGNAL"),
      "8 services.web.stop_signal: must be a signal such as SIGTERM, QUIT or 15"
    ],
    [
      "a tmpfs where a volume is mounted",
      service('volumes: ["data:/data"]\n    tmpfs: ["/data/:size=1m"]'),
      "9 services.web.tmpfs[0]: mounts at /data, where volumes[0] already does"
    ],
    [
      "an engine option that jiji has a key for",
      service("engine_options: [--memory=1g]"),
      "8 services.web.engine_options[0]: cannot contain --memory; use the key memory"
    ],
    [
      "an engine option that is not one word",
      service('engine_options: ["--cpuset-cpus 0"]'),
      '8 services.web.engine_options[0]: must be a long option with its value in the same word, such as --cpuset-cpus=0,1, not "--cpuset-cpus 0"'
    ],
    [
      "a word that would become the image",
      service("engine_options: [busybox]"),
      '8 services.web.engine_options[0]: must be a long option with its value in the same word, such as --cpuset-cpus=0,1, not "busybox"'
    ],
    [
      "a short option",
      service("engine_options: [-d]"),
      '8 services.web.engine_options[0]: must be a long option with its value in the same word, such as --cpuset-cpus=0,1, not "-d"'
    ],
    [
      "an engine option without its value",
      service("engine_options: [--cpuset-cpus=]"),
      "8 services.web.engine_options[0]: must have a value after --cpuset-cpus="
    ],
    ...[
      "name=x",
      "network=host",
      "ip=10.0.0.1",
      "label-file=/x",
      "pull=always",
      "detach",
      "rm",
      "replace",
      "env-host"
    ].map(
      (option) =>
        [
          `--${option}, which would break jiji's own`,
          service(`engine_options: [--${option}]`),
          `8 services.web.engine_options[0]: cannot contain --${option.replace(/=.*/, "")}, because jiji sets or needs it itself`
        ] as const
    )
  ])
})
