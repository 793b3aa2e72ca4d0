/** Whether a host, with or without a port, is a loopback name or address of this machine. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?$/.test(host)

/**
 * `fetch` for this machine. Ignores the environment's `http_proxy`, which Bun uses even for 127.0.0.1: the proxy would
 * see the registry's contents, and could answer in its place.
 */
export const fetchLocal = (url: string, init: RequestInit): Promise<Response> => {
  const direct: object = { ...init, proxy: false, redirect: "manual" }
  // The types only allow a string. In Bun 1.4.5, "" means the environment's proxy and false means none.
  return fetch(url, direct as RequestInit)
}
