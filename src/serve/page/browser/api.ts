import type { RunInfo } from "../../Api.ts"
import type { PipelineInfo } from "../../protocol.ts"
import { learnTime } from "./times.ts"

/** An answer that is no success. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Whoever has signed in. */
export interface Session {
  readonly name: string
  readonly role: string
  /** The roles that this one includes. */
  readonly allows: ReadonlyArray<string>
  readonly version: string
}

export interface ProjectInfo {
  readonly name: string
  readonly problem?: string
}

/** Shows that a request comes from this page; see src/serve/page/identify.ts. */
const headers = { "jiji-page": "1" }

let onSignedOut = (): void => {}

/** Calls a function when the server does not take the session any more. */
export const whenSignedOut = (listener: () => void): void => {
  onSignedOut = listener
}

/** Sends a request. Fails with the server's own sentence, if there is one. */
export const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
  let response: Response
  try {
    response = await fetch(path, { ...init, headers: { ...headers, ...init.headers } })
  } catch (error) {
    if (init.signal?.aborted === true) throw error
    throw new ApiError(0, "The server does not answer.")
  }
  if (response.ok) {
    learnTime(response.headers.get("date"))
    return response
  }
  if (response.status === 401 && path !== "session") onSignedOut()
  let message = `The server answered ${response.status}.`
  try {
    const body: { readonly message?: unknown } = await response.json()
    if (typeof body.message === "string") message = body.message
  } catch {
    // A proxy's error page, for example.
  }
  throw new ApiError(response.status, message)
}

const json = async (path: string, init?: RequestInit) => (await send(path, init)).json()

const post = (path: string, body?: unknown) =>
  json(path, {
    method: "POST",
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } })
  })

// The answers have the types that the API describes: page and server are always of the same version.
/** Whoever has signed in, if somebody has. */
export const getSession = async (): Promise<Session | undefined> => {
  const response = await send("session")
  return response.status === 204 ? undefined : response.json()
}

export const signIn = (token: string): Promise<Session> => post("session", { token })
export const signOut = () => send("session", { method: "DELETE" })
export const getProjects = (): Promise<ReadonlyArray<ProjectInfo>> => json("api/projects")
export const getPipelines = (project: string): Promise<ReadonlyArray<PipelineInfo>> =>
  json(`api/pipelines?${new URLSearchParams({ project })}`)
export const getRun = (id: number): Promise<RunInfo> => json(`api/runs/${id}`)
export const getRuns = (query: Readonly<Record<string, string>>): Promise<ReadonlyArray<RunInfo>> =>
  json(`api/runs?${new URLSearchParams(query)}`)
export const getQueue = (): Promise<ReadonlyArray<{ readonly run: RunInfo; readonly why: string }>> => json("api/queue")
export const cancelRun = (id: number): Promise<RunInfo> => post(`api/runs/${id}/cancel`)
export const sendSignal = (id: number, name: string, value: unknown): Promise<RunInfo> =>
  post(`api/runs/${id}/signals/${encodeURIComponent(name)}`, value)
export const startRun = (request: object): Promise<RunInfo> => post("api/runs", request)
