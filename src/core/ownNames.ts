/**
 * The names of the nodes in jiji's own pipelines, and `undo`. They are part of the documented event format, so a path keeps
 * them even if a secret happens to have the same text. test/core/ownNames.test.ts compares them with the pipelines.
 */
export const ownNames: ReadonlySet<string> = new Set([
  "all",
  "build",
  "connect",
  "connections",
  "credentials",
  "deploy",
  "doctor",
  "engine",
  "images",
  "login",
  "logout",
  "look",
  "machines",
  "network",
  "plan",
  "pull",
  "push",
  "registry",
  "registry login",
  "registry logout",
  "secrets",
  "serve",
  "servers",
  "services",
  "tunnel",
  "undo",
  "version"
])
