/** Whether a host, with or without a port, is this machine by its name alone. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?$/.test(host)

/**
 * `fetch` of this machine alone. The environment's `http_proxy`, which Bun heeds for 127.0.0.1 too, is passed by: it
 * would be told what the registry holds, and could answer in its place.
 */
export const fetchLocal = (url: string, init: RequestInit): Promise<Response> => {
  const direct: object = { ...init, proxy: false, redirect: "manual" }
  // The types know only a proxy's address; Bun 1.4.5 takes the environment's for "", and none for false.
  return fetch(url, direct as RequestInit)
}
