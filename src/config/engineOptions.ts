/** Options of `create` that jiji sets itself, or that would change what it relies on. */
const own: ReadonlySet<string> = new Set(
  (
    "name network net network-alias net-alias ip ip6 label-file pull detach rm rmi replace cidfile quiet help " +
    "interactive tty attach sig-proxy detach-keys platform arch os variant pod pod-id-file rootfs env-host init-ctr"
  ).split(" ")
)

/** Options that have a key in deploy.yml. */
const keys: Readonly<Record<string, string>> = {
  memory: "memory",
  cpus: "cpus",
  label: "labels",
  user: "user",
  entrypoint: "entrypoint",
  workdir: "working_dir",
  init: "init",
  "read-only": "read_only",
  tmpfs: "tmpfs",
  "shm-size": "shm_size",
  ulimit: "ulimits",
  "cap-add": "cap_add",
  "cap-drop": "cap_drop",
  device: "devices",
  gpus: "gpus",
  "add-host": "extra_hosts",
  "log-driver": "logging",
  "log-opt": "logging",
  "stop-timeout": "stop_timeout",
  "stop-signal": "stop_signal",
  restart: "restart",
  publish: "ports",
  "publish-all": "ports",
  volume: "volumes",
  env: "environment"
}

/** Returns an error message if jiji cannot pass a word on to `create`. */
export const engineOptionFault = (word: string): string | undefined => {
  const [, name = "", value] = /^--([a-z][a-z0-9-]*)(=.*)?$/su.exec(word) ?? []
  if (name === "") {
    // Any other word might become the image, or the value of the option before it.
    return `must be a long option with its value in the same word, such as --cpuset-cpus=0,1, not "${word}"`
  }
  const key = Object.hasOwn(keys, name) ? keys[name] : undefined
  if (key !== undefined) return `cannot contain --${name}; use the key ${key}`
  if (own.has(name)) return `cannot contain --${name}, because jiji sets or needs it itself`
  return value === "=" ? `must have a value after --${name}=` : undefined
}

/** Whether an option gives the container something that it can write and that another container may have, too. */
export const sharesData = (word: string): boolean => /^--(?:mount|volumes-from)=/u.test(word)
