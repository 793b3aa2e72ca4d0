/** A mount: `source:target[:options]`. The source is a path on the server (Bind) or the name of a volume (Named). */
export interface VolumeMount {
  readonly _tag: "Bind" | "Named"
  readonly source: string
  readonly target: string
  readonly options?: string
}

const option =
  /^(?:ro|rw|z|Z|U|nocopy|copy|cached|delegated|consistent|noexec|exec|nodev|dev|nosuid|suid|r?shared|r?slave|r?private)$/u

/** Parses a mount. Returns an error message if it is invalid. */
export const parseVolume = (text: string): VolumeMount | string => {
  const [source = "", target, options, ...rest] = text.split(":")
  if (target === undefined) return "must have a source and a target, such as data:/var/lib/app or /srv/app:/app"
  if (rest.length > 0) return "must have at most three parts: source:target:options"
  if (!target.startsWith("/")) return "must have an absolute path as its target, such as data:/var/lib/app"
  const unknown = options?.split(",").find((name) => !option.test(name))
  if (unknown !== undefined) return `has the unknown option "${unknown}"; use ro or rw`
  const mount = { source, target, ...(options !== undefined && { options }) }
  if (source.startsWith("/")) return { _tag: "Bind", ...mount }
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/u.test(source)) return { _tag: "Named", ...mount }
  if (source.startsWith("~"))
    return "must use an absolute path on the server, such as /home/deploy/data:/data; `~` does not work here"
  return "must start with a volume name or an absolute path on the server, such as data:/var/lib/app or /srv/app:/app"
}

/** Returns the mount for the engine. Named volumes get the project's name as a prefix, so that projects do not share them. */
export const resolveVolume = (project: string, text: string): string => {
  const mount = parseVolume(text)
  return typeof mount !== "string" && mount._tag === "Named" ? `${project}_${text}` : text
}

/** Whether the container can write to a volume. */
export const isWritten = (volume: string): boolean => {
  const mount = parseVolume(volume)
  return typeof mount === "string" || mount.options?.split(",").includes("ro") !== true
}
