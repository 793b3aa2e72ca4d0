import type { Project, SecretRef } from "./Project.ts"

/** A secret of a project, and what needs it. */
export interface SecretUse {
  readonly ref: Exclude<SecretRef, { readonly _tag: "Literal" }>
  /** As a person calls them: `the registry`, `ssh to web1`, `api`. */
  readonly by: ReadonlyArray<string>
}

const used = (ref: SecretRef | undefined, by: string): ReadonlyArray<readonly [SecretUse["ref"], string]> =>
  ref === undefined || ref._tag === "Literal" ? [] : [[ref, by]]

/** Everything secret that a run of the project needs, each once: the registry's, the servers', the services', the hooks'. */
export const secretUses = ({ hooks = [], registry, servers, services }: Project): ReadonlyArray<SecretUse> => {
  const all = [
    ...(registry.type === "remote" ? [registry.username, registry.password] : []).flatMap((ref) =>
      used(ref, "the registry")
    ),
    ...servers.flatMap(({ name, passphrase }) => used(passphrase, `ssh to ${name}`)),
    ...services.flatMap(({ environment, name }) =>
      environment.secrets.flatMap((secret) => used({ _tag: "Name", name: secret }, name))
    ),
    ...hooks.flatMap(({ environment, name }) =>
      environment.secrets.flatMap((secret) => used({ _tag: "Name", name: secret }, `the hook ${name}`))
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

/** The names of all secrets that a run of the project needs, each once. */
export const secretNames = (project: Project): ReadonlyArray<string> =>
  secretUses(project).flatMap(({ ref }) => (ref._tag === "Name" ? [ref.name] : []))
