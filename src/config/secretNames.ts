import type { Project, SecretRef } from "./Project.ts"

const named = (ref: SecretRef | undefined): ReadonlyArray<string> => (ref?._tag === "Name" ? [ref.name] : [])

/** The names of all secrets that a run of the project needs, each once: the registry's, the servers', the services'. */
export const secretNames = ({ registry, servers, services }: Project): ReadonlyArray<string> => [
  ...new Set([
    ...(registry.type === "remote" ? [...named(registry.username), ...named(registry.password)] : []),
    ...servers.flatMap((server) => named(server.passphrase)),
    ...services.flatMap((service) => service.environment.secrets)
  ])
]
