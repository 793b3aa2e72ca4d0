/** The word that starts jiji as a worker of `jiji serve`: `jiji serve-worker`. No person types it, so no help has it. */
export const workerWord = "serve-worker"
