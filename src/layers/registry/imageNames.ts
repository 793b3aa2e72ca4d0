const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/** Checks a repository name by the OCI distribution specification. A valid name is safe to use as a path. */
export const isRepository = (text: string): boolean => text.length <= 255 && repositoryPattern.test(text)

/** Checks a tag by the OCI distribution specification. A valid tag is safe to use as a file name. */
export const isTag = (text: string): boolean => /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(text)
