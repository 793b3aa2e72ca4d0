const architectures: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv7l: "arm",
  i686: "386"
}

/** Converts the output of `uname -m` to the architecture's name in images. */
export const architectureOf = (processor: string): string => architectures[processor] ?? processor
