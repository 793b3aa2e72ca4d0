/** The attribute of each type of cache that says where it is, and its value if there is none. */
const attributes: Readonly<Record<string, readonly [name: string, otherwise?: string]>> = {
  local: ["dest"],
  gha: ["scope", "buildkit"],
  s3: ["name", "buildkit"],
  azblob: ["name", "buildkit"]
}

/** An image name with the platform in its tag. A colon before the last `/` belongs to a port. */
const withTag = (reference: string, suffix: string): string =>
  /:[^/]*$/u.test(reference) ? `${reference}-${suffix}` : `${reference}:${suffix}`

/**
 * A place of `cache_to`, or the same place in `cache_from`, for one of several platforms: each has a cache of its own, since a
 * build replaces what is there. A place that no build replaces stays as it is: `type=inline`, and podman's repositories.
 */
export const cacheOfPlatform = (place: string, platform: string): string => {
  const suffix = platform.replaceAll("/", "-")
  if (!place.includes("=")) return withTag(place, suffix)
  const words = place.split(",")
  const type = words.find((word) => word.startsWith("type="))?.slice(5) ?? ""
  if (type === "registry") {
    return words.map((word) => (word.startsWith("ref=") ? withTag(word, suffix) : word)).join(",")
  }
  const [name, otherwise] = attributes[type] ?? []
  if (name === undefined) return place
  // In `cache_from`, a folder is `src`.
  const isPlace = (word: string) => word.startsWith(`${name}=`) || (type === "local" && word.startsWith("src="))
  const separator = type === "local" ? "/" : "-"
  if (words.some(isPlace)) return words.map((word) => (isPlace(word) ? `${word}${separator}${suffix}` : word)).join(",")
  return otherwise === undefined ? place : `${place},${name}=${otherwise}-${suffix}`
}

/** Where a place is, for comparison of `cache_from` with `cache_to`: without the options of one of them. */
export const cacheLocation = (place: string): string => {
  if (!place.includes("=")) return `registry ${place}`
  const words = place.split(",")
  const type = words.find((word) => word.startsWith("type="))?.slice(5) ?? ""
  const [name = "ref", otherwise = ""] = attributes[type] ?? []
  const found = words.find((word) => word.startsWith(`${name}=`) || (type === "local" && word.startsWith("src=")))
  return `${type} ${found === undefined ? otherwise : found.slice(found.indexOf("=") + 1)}`
}
