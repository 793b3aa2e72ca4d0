const architectures: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv7l: "arm",
  i686: "386"
}

/** What images call a processor that `uname -m` names. */
export const architectureOf = (processor: string): string => architectures[processor] ?? processor
