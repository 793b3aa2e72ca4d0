import { expect, test } from "bun:test"
import { followRequests } from "../../../src/layers/ssh/followRequests.ts"

const digest = `sha256:${"1".repeat(64)}`

const request = (path: string, method = "GET") =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost:9270\r\nUser-Agent: docker/20.10.24\r\nAccept-Encoding: identity\r\n\r\n`

const after = (...pieces: ReadonlyArray<string>) => {
  const requests = followRequests()
  for (const piece of pieces) requests.read(Buffer.from(piece))
  return requests.repository()
}

test("follows manifests, blobs and tags to their repository", () => {
  expect(after(request(`/v2/shop-web/manifests/${digest}`))).toBe("shop-web")
  expect(after(request(`/v2/shop/web/manifests/latest`, "HEAD"))).toBe("shop/web")
  expect(after(request(`/v2/shop-web/blobs/${digest}`))).toBe("shop-web")
  expect(after(request("/v2/shop-web/tags/list?n=5"))).toBe("shop-web")
  // A repository may be called like a part of the API.
  expect(after(request(`/v2/blobs/manifests/blobs/${digest}`))).toBe("blobs/manifests")
})

test("follows the next request of the same connection", () => {
  const web = request(`/v2/shop-web/blobs/${digest}`)
  expect(after(web, request(`/v2/shop-api/blobs/${digest}`))).toBe("shop-api")
  expect(after(web, request("/v2/"))).toBeUndefined()
})

test("follows a request that arrives in pieces", () => {
  const whole = request(`/v2/shop-web/blobs/${digest}`)
  expect(after(...whole)).toBe("shop-web")
  for (let at = 0; at < whole.length; at++) expect(after(whole.slice(0, at), whole.slice(at))).toBe("shop-web")
})

test("ignores what is not a request to a registry", () => {
  expect(after()).toBeUndefined()
  expect(after("hello\n", "GET / HTTP/1.1\r\n\r\n")).toBeUndefined()
  expect(after(`X-GET /v2/shop-web/blobs/${digest} HTTP/1.1\r\n`)).toBeUndefined()
  expect(after("a".repeat(10_000), request(`/v2/shop-web/blobs/${digest}`))).toBeUndefined()
})
