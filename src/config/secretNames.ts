import type { Project, SecretRef, Service } from "./Project.ts"

/** A secret that a project needs, and what needs it. */
export interface SecretUse {
  readonly ref: Exclude<SecretRef, { readonly _tag: "Literal" }>
  /** What needs it, for messages: `the registry`, `ssh to web1`, `api`. */
  readonly by: ReadonlyArray<string>
}

const usesOf = (ref: SecretRef | undefined, by: string): ReadonlyArray<readonly [SecretUse["ref"], string]> =>
  ref === undefined || ref._tag === "Literal" ? [] : [[ref, by]]

/** Returns the secrets that the registry, servers, services and hooks of a project need, each once. */
export const secretUses = (project: Project): ReadonlyArray<SecretUse> => {
  const { builder, hooks = [], registry, servers, services } = project
  const all = [
    ...(registry.type === "remote" ? [registry.username, registry.password] : []).flatMap((ref) =>
      usesOf(ref, "the registry")
    ),
    ...[...servers, ...(builder === undefined ? [] : [builder])].flatMap(({ name, passphrase }) =>
      usesOf(passphrase, `ssh to ${name}`)
    ),
    ...services.flatMap(({ environment, files = [], name, source }) => [
      ...(source._tag === "Build" ? (source.secrets ?? []) : []).flatMap((secret) =>
        usesOf({ _tag: "Name", name: secret }, `the build of ${name}`)
      ),
      ...[
        ...environment.secrets,
        ...files.flatMap(({ source }) => (source._tag === "Secret" ? [source.name] : []))
      ].flatMap((secret) => usesOf({ _tag: "Name", name: secret }, name))
    ]),
    ...services.flatMap(({ name, proxy }) =>
      proxy?.tls._tag === "Certificate"
        ? [proxy.tls.certificate, proxy.tls.key].flatMap((secret) =>
            usesOf({ _tag: "Name", name: secret }, `the certificate of ${name}`)
          )
        : []
    ),
    ...hooks.flatMap(({ environment, name }) =>
      environment.secrets.flatMap((secret) => usesOf({ _tag: "Name", name: secret }, `the hook ${name}`))
    )
  ]
  const uses = new Map<string, SecretUse>()
  for (const [ref, by] of all) {
    const key = ref._tag === "Name" ? ref.name : ref.key
    const known = uses.get(key)?.by ?? []
    uses.set(key, { ref, by: known.includes(by) ? known : [...known, by] })
  }
  return [...uses.values()]
}

/** The names of the secrets that a service needs where it runs. */
const namesOf = ({ environment, files = [], proxy }: Service): ReadonlyArray<string> => {
  const certificate = proxy?.tls._tag === "Certificate" ? [proxy.tls.certificate, proxy.tls.key] : []
  const mounted = files.flatMap(({ source }) => (source._tag === "Secret" ? [source.name] : []))
  return [...new Set([...environment.secrets, ...mounted, ...certificate])]
}

/** Returns the names of the secrets that a version of a service needs, and deploy.yml does not give to the service. */
export const secretsNotNamed = (service: Service | undefined, version: Service): ReadonlyArray<string> => {
  const named = service === undefined ? [] : namesOf(service)
  return namesOf(version).filter((name) => !named.includes(name))
}

/** Returns the names of the secrets that a project needs, each once. Secrets that are commands have no name. */
export const secretNames = (project: Project): ReadonlyArray<string> =>
  secretUses(project).flatMap(({ ref }) => (ref._tag === "Name" ? [ref.name] : []))
