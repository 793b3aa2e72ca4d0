import { PlatformError } from "effect"
import { CommandLine } from "effect/process"

/** Why the system refused an operation, and what to do about it. `path` is quoted for a shell, or `PATH` if unknown. */
interface Explanation {
  readonly why: string
  readonly remedy: (path: string) => string
}

const checkSymlinks = (path: string): string =>
  `\`ls -l ${path}\` shows where the link leads. Replace the link with the real file or folder.`

const explanations: Readonly<Record<string, Explanation>> = {
  EACCES: {
    why: "permission denied",
    remedy: (path) =>
      `Give your user access to ${path} and the folders above it: check their owner and mode with \`ls -ld\`.`
  },
  EPERM: {
    why: "the system does not permit it",
    remedy: (path) => `Check the owner with \`ls -ld ${path}\`, and with \`lsattr -d ${path}\` whether it is immutable.`
  },
  EROFS: {
    why: "the file system is read-only",
    remedy: (path) => `Make the file system of ${path} writable, or use a folder elsewhere.`
  },
  ENOSPC: {
    why: "the disk is full",
    remedy: (path) => `Free up space on the disk of ${path}: check it with \`df -h\`, and its inodes with \`df -i\`.`
  },
  EDQUOT: {
    why: "your disk quota is used up",
    remedy: (path) => `Delete files of your user on the disk of ${path}, or ask for a larger quota; \`quota\` shows it.`
  },
  ENOTDIR: {
    why: "a part of this path is a file, not a folder",
    remedy: (path) =>
      `Find the file among the folders of ${path} and move it away, or use another path. If it is in your home folder, check HOME.`
  },
  ENOENT: {
    why: "it does not exist",
    remedy: (path) => `Create ${path}, or its folder if that is missing, or correct the path.`
  },
  EEXIST: {
    why: "something else already has this name",
    remedy: (path) => `Move ${path} away.`
  },
  ENOTEMPTY: {
    why: "the folder is not empty",
    remedy: (path) => `Move the contents of ${path} away.`
  },
  EISDIR: {
    why: "it is a folder, not a file",
    remedy: (path) => `Move the folder ${path} away, or use another path.`
  },
  ELOOP: {
    why: "it is a symbolic link that leads back to itself",
    remedy: checkSymlinks
  },
  EMFILE: {
    why: "this process has too many open files",
    remedy: () => "Raise the limit with `ulimit -n 4096`, then try again."
  },
  ENFILE: {
    why: "this machine has too many open files",
    remedy: () => "Stop programs that keep many files open, or raise the limit fs.file-max."
  },
  ENAMETOOLONG: {
    why: "the name is too long",
    remedy: () => "Use a shorter path."
  },
  EBUSY: {
    why: "it is in use",
    remedy: (path) => `Find out what uses ${path}: a mount, or a program that \`fuser -v ${path}\` shows.`
  },
  ETXTBSY: {
    why: "it is a program that is running",
    remedy: (path) => `Stop the program ${path}, then try again.`
  },
  EXDEV: {
    why: "source and target are on different file systems",
    remedy: (path) => `Keep ${path} and its folder on one file system.`
  },
  EFBIG: {
    why: "the file is too large",
    remedy: (path) => `Check the limit with \`ulimit -f\`, and the largest file that the file system of ${path} allows.`
  },
  EIO: {
    why: "the disk reported an error",
    remedy: () => "Check the disk: `dmesg` shows its errors."
  },
  ESTALE: {
    why: "the network file system no longer knows it",
    remedy: (path) => `Mount the file system of ${path} again.`
  }
}

/** The codes of errors that only have a tag: those of samples and of other platforms. */
const codes: Readonly<Record<string, string>> = {
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  AlreadyExists: "EEXIST",
  Busy: "EBUSY"
}

const actions: Readonly<Record<string, string>> = {
  access: "access",
  chmod: "change the mode of",
  chown: "change the owner of",
  copy: "copy",
  copyFile: "copy",
  link: "create a link to",
  makeDirectory: "create the folder",
  makeTempDirectory: "create the folder",
  makeTempFile: "create the folder",
  makeTempDirectoryScoped: "create the folder",
  makeTempFileScoped: "create the folder",
  open: "open",
  remove: "remove",
  rename: "rename",
  symlink: "create a link to",
  sync: "write",
  truncate: "write",
  utime: "change the times of",
  write: "write",
  writeAll: "write",
  writeFile: "write"
}

/** The same for errors of Node. */
const actionOfCall: Readonly<Record<string, string>> = {
  chmod: "change the mode of",
  mkdir: "create the folder",
  open: "open",
  rename: "rename",
  unlink: "remove",
  write: "write"
}

/** What is missing, if an action fails with ENOENT. Other actions need the file or folder itself. */
const missing = (action: string): string | undefined => {
  if (action === "rename") return "it, or the folder of its new name, does not exist"
  return /^(write|create)/u.test(action) ? "the folder above it does not exist" : undefined
}

interface Parts {
  readonly code: string | undefined
  readonly action: string
  readonly path: string | undefined
  /** The system's own words, for a code that is not explained here. */
  readonly text: string
}

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string"
    ? cause.code.replace(/^ERR_FS_/u, "")
    : undefined

/** Returns the text of an error of Node without its code, call and path: `ENOTSUP: operation not supported, open '/x'`. */
const ownText = (cause: Error): string =>
  cause.message
    .replace(/^[A-Z_0-9]+: /u, "")
    .replace(/, [a-z]+(?: '[^]*)?$/u, "")
    .replace(/\.$/u, "")

const partsOf = (error: unknown): Parts => {
  if (PlatformError.isPlatformError(error)) {
    const { cause, reason } = error
    const path = "pathOrDescriptor" in reason ? reason.pathOrDescriptor : undefined
    const known = cause instanceof Error ? ownText(cause) : reason.description
    return {
      code: codeOf(cause) ?? codes[reason._tag],
      action: actions[reason.method] ?? "read",
      path: typeof path === "string" ? path : undefined,
      text: known ?? reason.message
    }
  }
  const path = error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : undefined
  const text = error instanceof Error ? ownText(error) : String(error)
  const call = error instanceof Error && "syscall" in error ? String(error.syscall) : ""
  return { code: codeOf(error), action: actionOfCall[call] ?? "use", path, text }
}

const whyOf = ({ action, code, text }: Parts): string => {
  if (code === undefined) return text
  return (code === "ENOENT" ? missing(action) : undefined) ?? explanations[code]?.why ?? `${text} (${code})`
}

/** Returns whether the system refused an operation, so that the functions below can say why. */
export const isSystemError = (error: unknown): boolean =>
  PlatformError.isPlatformError(error) || codeOf(error) !== undefined

/** Returns whether there is no space left, or the user may not use it. */
export const isDiskFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes(partsOf(error).code ?? "")

/** Returns why the system refused an operation: `the disk is full`. */
export const systemErrorReason = (error: unknown): string => whyOf(partsOf(error))

/**
 * Returns what failed, where and why: `cannot create the folder /srv/x: the disk is full`. Returns only the reason if the
 * error is about `file`, which the sentence around it already names.
 */
export const systemErrorText = (error: unknown, file?: string): string => {
  const parts = partsOf(error)
  const { action, path } = parts
  const why = whyOf(parts)
  if (path === file && path !== undefined) return why
  return `cannot ${action} ${path ?? file ?? "a file"}: ${why}`
}

/** Quotes a path for a shell, if it needs it. */
const shellPath = (path: string): string => (/^[\w./~@%+=:,-]+$/u.test(path) ? path : CommandLine.display([path]))

/** Returns what to do about it. Without a path in the error, it is about `file`. */
export const systemErrorRemedy = (error: unknown, file?: string): string => {
  const { code = "", path = file } = partsOf(error)
  const known = explanations[code]
  const shown = path === undefined || path === "" ? "PATH" : shellPath(path)
  return known === undefined ? `Check ${shown} and the folders above it.` : known.remedy(shown)
}
