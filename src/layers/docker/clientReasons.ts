/**
 * Why jiji uses docker's client on a server, and not docker's API: what `probe.sh` prints, and what connecting to the API
 * shows.
 */
export const clientReasons = {
  // From `probe.sh`.
  socket: "its socket is missing",
  permission: "the user may not use its socket",
  host: "DOCKER_HOST is not a Unix socket",
  context: "a docker context is in use",
  trust: "DOCKER_CONTENT_TRUST is set",
  platform: "DOCKER_DEFAULT_PLATFORM is set",
  // From connecting.
  forwarding: "sshd does not forward Unix sockets",
  answer: "its API does not answer as docker's does",
  podman: "its socket belongs to podman",
  old: "its API is too old",
  new: "its API is too new"
} as const

export type ClientReason = keyof typeof clientReasons

export const isClientReason = (text: string): text is ClientReason => Object.hasOwn(clientReasons, text)
