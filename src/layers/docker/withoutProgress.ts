/** A layer's progress: `930414e60863: Pushing [=>   ]  5.539MB/120MB`. */
const ofLayer =
  /^[0-9a-f]{12}: (?:Already exists|Downloading|Download complete|Extracting|Layer already exists|Mounted from|Preparing|Pull complete|Pulling fs layer|Pushed|Pushing|Retrying in|Unavailable|Verifying Checksum|Waiting)\b/

/** Other lines about the progress of a transfer, of docker and of podman. */
const ofImage =
  /^(?:\S+: Pulling from \S+|The push refers to repository \[.*\]|(?:\S+: )?[Dd]igest: sha256:[0-9a-f]{64}.*|Trying to pull \S+\.\.\.|Getting image (?:source|list) signatures.*|Copying (?:blob|config|image|\d+ images) .*|Writing manifest to image destination|Storing (?:list )?signatures|Unable to find image '.*' locally|Using default tag: \S+|jiji (?:engine restarted|progress hidden))$/

/** Removes the lines with which an engine reports the progress of a push or a pull. What remains is the reason of a failure. */
export const withoutProgress = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !ofLayer.test(line.trim()) && !ofImage.test(line.trim()))
    .join("\n")
