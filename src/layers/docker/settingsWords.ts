import type { ContainerSettings } from "../../config/containerSettings.ts"
import type { Engine } from "../../config/Project.ts"

const each = (option: string, values: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  values.flatMap((value) => [option, value])

const flag = (option: string, value: boolean | undefined): ReadonlyArray<string> => {
  if (value === undefined) return []
  return [value ? option : `${option}=false`]
}

const one = (option: string, value: string | number | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : [option, String(value)]

/** Podman has no `--gpus` before version 5, so use the names that NVIDIA's toolkit writes in its CDI specification. */
const gpuWords = (engine: Engine, gpus: string | undefined): ReadonlyArray<string> => {
  if (gpus === undefined) return []
  if (engine === "docker") return ["--gpus", gpus]
  const names = gpus === "all" ? ["all"] : Array.from({ length: Number(gpus) }, (_, index) => String(index))
  return each(
    "--device",
    names.map((name) => `nvidia.com/gpu=${name}`)
  )
}

/**
 * The arguments of `create` for the settings in deploy.yml, without the labels, the restart policy and the words of the
 * entry point after the first: these come before the command.
 */
export const settingsWords = (engine: Engine, settings: ContainerSettings = {}): ReadonlyArray<string> => {
  const { entrypoint, logging, ulimits = {} } = settings
  return [
    ...one("--memory", settings.memory),
    ...one("--cpus", settings.cpus),
    ...one("--user", settings.user),
    // Podman reads a text that looks like a JSON list as one.
    ...one(
      "--entrypoint",
      engine === "podman" && entrypoint ? JSON.stringify(entrypoint.slice(0, 1)) : entrypoint?.[0]
    ),
    ...one("--workdir", settings.working_dir),
    ...flag("--init", settings.init),
    ...flag("--read-only", settings.read_only),
    ...each("--tmpfs", settings.tmpfs),
    ...one("--shm-size", settings.shm_size),
    ...each(
      "--ulimit",
      Object.entries(ulimits).map(([name, { hard, soft }]) => `${name}=${soft}:${hard}`)
    ),
    ...each("--cap-add", settings.cap_add),
    ...each("--cap-drop", settings.cap_drop),
    ...each("--device", settings.devices),
    ...gpuWords(engine, settings.gpus),
    ...each("--add-host", settings.extra_hosts),
    ...one("--log-driver", logging?.driver),
    ...each(
      "--log-opt",
      Object.entries(logging?.options ?? {}).map(([name, value]) => `${name}=${value}`)
    ),
    ...one("--stop-timeout", settings.stop_timeout),
    ...one("--stop-signal", settings.stop_signal),
    ...(settings.engine_options ?? [])
  ]
}
