import { defaultSecret, runEvents, type TriggerSource } from "../config/Trigger.ts"

/**
 * Starts a run of the pipeline in `jiji serve` when something happens. `input` is what the pipeline takes, by field of its
 * `flags`. A text in it can be a reference: `"$commit"` is a value that jiji finds in the event, `"$.head_commit.message"` a
 * field of the payload as it was sent. `"$$"` is a dollar sign.
 */
export interface Trigger {
  readonly _tag: "Trigger"
  readonly source: TriggerSource
  readonly input: Readonly<Record<string, unknown>>
}

interface WithInput {
  readonly input?: Readonly<Record<string, unknown>>
}

interface WithSecret {
  /** The name of the secret that deliveries are verified with. Default: `WEBHOOK_SECRET`. */
  readonly secret?: string
}

/** A pattern or several: `*` matches any text without `/`, `**` any text. */
type Patterns = string | ReadonlyArray<string>

interface PushOptions extends WithInput, WithSecret {
  /** The branches whose pushes start a run. Default: all, unless `tag` is set. */
  readonly push?: Patterns
  /** The tags whose pushes start a run. Default: none. */
  readonly tag?: Patterns
}

interface ImageOptions extends WithInput, WithSecret {
  /** The tags of images. Default: all. */
  readonly tag?: Patterns
}

const list = (patterns: Patterns): ReadonlyArray<string> => (typeof patterns === "string" ? [patterns] : patterns)

const make = (source: TriggerSource, input: Readonly<Record<string, unknown>> = {}): Trigger => ({
  _tag: "Trigger",
  source,
  input
})

const push =
  (tag: "GitHub" | "GitLab" | "Gitea") =>
  (options: PushOptions = {}): Trigger => {
    const tags = options.tag === undefined ? [] : list(options.tag)
    const branches = options.push === undefined ? (tags.length === 0 ? ["**"] : []) : list(options.push)
    return make({ _tag: tag, secret: options.secret ?? defaultSecret, branches, tags }, options.input)
  }

const image =
  (tag: "DockerHub" | "Registry") =>
  (images: Patterns, options: ImageOptions = {}): Trigger =>
    make(
      {
        _tag: tag,
        secret: options.secret ?? defaultSecret,
        image: list(images),
        ...(options.tag !== undefined && { tags: list(options.tag) })
      },
      options.input
    )

/**
 * At the times of a cron line: minute, hour, day of the month, month and day of the week. `timeZone` is UTC by default. A time
 * that passed while no `jiji serve` ran is made up for, once. References: `$time`, in ISO 8601.
 */
export const cron = (line: string, options: WithInput & { readonly timeZone?: string } = {}): Trigger =>
  make({ _tag: "Cron", cron: line, timeZone: options.timeZone ?? "UTC" }, options.input)

/** A request that is signed as Standard Webhooks has it. References: `$id`, the request's ID. */
export const webhook = (options: WithInput & WithSecret = {}): Trigger =>
  make({ _tag: "Webhook", secret: options.secret ?? defaultSecret }, options.input)

/** A push to a repository on GitHub. References: `$branch` or `$tag`, `$commit`, `$repository`, `$sender`. */
export const github = push("GitHub")

/** A push to a repository on GitLab. References as for {@link github}. */
export const gitlab = push("GitLab")

/** A push to a repository on Gitea or Forgejo. References as for {@link github}. */
export const gitea = push("Gitea")

/** An image pushed to Docker Hub, such as `acme/shop-web`. References: `$image`, `$tag`, `$sender`. */
export const dockerHub = image("DockerHub")

/** An image pushed to a registry that sends notifications, as distribution does. References: `$image`, `$tag`, `$digest`. */
export const registry = image("Registry")

/**
 * The end of another run in `jiji serve`: of a command or pipeline (`of`, any by default) of a project (`project`, this one by
 * default). References: `$run`, `$status`, `$project`, and the run's fields as `GET /api/runs/ID` has them, such as `$.reason`.
 */
export const event = (
  on: keyof typeof runEvents | ReadonlyArray<keyof typeof runEvents>,
  options: WithInput & { readonly of?: string; readonly project?: string } = {}
): Trigger => {
  const { input, ...rest } = options
  const names = typeof on === "string" ? [on] : on
  return make({ _tag: "Event", on: names.map((name) => runEvents[name]), ...rest }, input)
}
