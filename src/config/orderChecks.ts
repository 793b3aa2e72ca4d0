import { child, entries, items, type Located, written } from "./Located.ts"
import { namePattern } from "./fields.ts"
import type { KeyPath } from "./Problem.ts"
import { suggest } from "./suggest.ts"
import { joinWords } from "../core/text.ts"

type Report = (path: KeyPath, message: string) => void

/** The names in a list of a service, with their indexes. The schema reports values that are not valid names. */
const namesIn = (
  services: Located | undefined,
  service: string,
  key: string
): ReadonlyArray<readonly [number, string]> =>
  items(child(child(services, service), key)).flatMap((item, index) => {
    const name = item._tag === "Scalar" ? item.value : null
    return typeof name === "string" && namePattern.test(name) ? [[index, name] as const] : []
  })

/** Reports dependencies that jiji cannot order: unknown ones, circles, and those that share no server with their service. */
export const checkDependencies = (root: Located, report: Report) => {
  const services = child(root, "services")
  const names = entries(services).map(([name]) => name)
  const hostsOf = (name: string) => namesIn(services, name, "hosts").map(([, host]) => host)
  for (const name of names) {
    const seen = new Set<string>()
    for (const [index, other] of namesIn(services, name, "depends_on")) {
      const path = ["services", name, "depends_on", index]
      if (other === name) report(path, "a service cannot depend on itself")
      else if (seen.has(other)) report(path, `repeats ${other}`)
      else if (!names.includes(other)) {
        const near = suggest(other, names)
        const known = near === undefined ? `use ${joinWords(names, "or")}` : `did you mean \`${near}\`?`
        report(path, `${other} is not under services; ${known}`)
      } else {
        const [hosts, others] = [hostsOf(name), hostsOf(other)]
        // The schema reports lists without a valid name.
        if (hosts.length > 0 && others.length > 0 && !hosts.some((host) => others.includes(host))) {
          report(
            path,
            `${other} runs on none of the servers of ${name}, and jiji orders only services on the same server; remove it (in an environment's file, \`depends_on: ~\` removes the key)`
          )
        }
      }
      seen.add(other)
    }
  }
  checkCircles(names, (name) => namesIn(services, name, "depends_on"), report)
}

/** Reports a batch where nothing is deployed in batches. */
export const checkRollout = (root: Located, reportKey: Report) => {
  const deploy = child(root, "deploy")
  if (child(deploy, "batch") === undefined) return
  // The schema reports other values than these.
  if (["parallel", undefined].includes(written(child(deploy, "strategy")))) {
    reportKey(["deploy", "batch"], "works only with strategy: rolling")
  }
}

/** Reports each dependency that closes a circle. */
const checkCircles = (
  names: ReadonlyArray<string>,
  dependencies: (name: string) => ReadonlyArray<readonly [index: number, name: string]>,
  report: Report
) => {
  const done = new Set<string>()
  const visit = (name: string, path: ReadonlyArray<string>) => {
    if (done.has(name)) return
    for (const [index, other] of dependencies(name)) {
      if (other === name || !names.includes(other)) continue
      const from = path.indexOf(other)
      if (from === -1) visit(other, [...path, other])
      else {
        const circle = [...path.slice(from), other].join(" → ")
        report(["services", name, "depends_on", index], `closes a circle: ${circle}`)
      }
    }
    done.add(name)
  }
  for (const name of names) visit(name, [name])
}
