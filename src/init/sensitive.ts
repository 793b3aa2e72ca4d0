import { secretPattern } from "../config/fields.ts"
import { reservedName } from "../config/reservedNames.ts"
import type { Notes } from "./Source.ts"

/** A word in the name of a variable that holds a secret: `PGPASS`, `APIKEY`, but not `MONKEY`. */
const secretWord =
  /(?:PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|CREDENTIAL|DSN|(?<!^(?:BY|COM|OVER|TRES|UNDER))PASS|(?:^|API|ACCESS|AUTH|LICENSE|MASTER|PRIVATE|SECRET|SIGNING)KEY)S?$|^PRIVATE$/u

/** Says whether a variable with this name usually holds a secret. */
export const hasSecretName = (name: string): boolean =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/gu, "$1_$2")
    .toUpperCase()
    .split(/[^A-Z]+/u)
    .some((word) => secretWord.test(word))

/** Says whether a text contains a private key, or a URL with a password. A number after a colon may also be a port. */
const hasSecret = (text: string): boolean => /:\/\/[^\s/@:]*:(?!\d+\/)\S+@|-----BEGIN [A-Z ]*PRIVATE KEY/u.test(text)

/** Says whether a variable looks like a secret. Switches such as `ALLOW_EMPTY_PASSWORD=yes` do not. */
export const looksSecret = (name: string, value: string): boolean =>
  hasSecret(value) || (hasSecretName(name) && !/^(?:|true|false|yes|no|on|off)$/iu.test(value))

/** Says whether a container can get a secret with this name. */
export const canBeSecret = (name: string): boolean => secretPattern.test(name) && reservedName(name) === undefined

/** The name of the secret for a variable whose value looks like one. Notes what a person has to know, without the value. */
export const secretFor = (name: string, path: string, notes: Notes): ReadonlyArray<string> => {
  const secret = name.toUpperCase().replaceAll(/[^A-Z0-9_]/gu, "_")
  if (!canBeSecret(secret)) {
    notes.add(`${path}.${name}`, "looks like a secret, but no secret can have this name: choose another one")
    return []
  }
  if (secret !== name)
    notes.add(`${path}.${name}`, `looks like a secret, so the container gets it as ${secret}: put it into .env`)
  return [secret]
}

/** Leaves out of a map what looks like a secret, and notes it with a remedy. */
export const withoutSecrets = (
  entries: ReadonlyArray<readonly [string, string]>,
  path: string,
  remedy: string,
  notes: Notes
): Readonly<Record<string, string>> => {
  for (const [name, value] of entries)
    if (looksSecret(name, value)) notes.add(`${path}.${name}`, `looks like a secret: ${remedy}`)
  return Object.fromEntries(entries.filter(([name, value]) => !looksSecret(name, value)))
}
