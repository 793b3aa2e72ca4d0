import { expect, test } from "bun:test"
import { Option } from "effect"
import { parseTimeFlag } from "../../src/cli/timeFlag.ts"
import { logJson, logText } from "../../src/reporters/logLines.ts"

const line = (server: string, service: string, name: string, text = "hello") => ({
  server,
  container: { id: `${server}${name}`, name, service },
  time: "2026-11-29T14:00:01.123456789Z",
  text
})

const format = (
  services: ReadonlyArray<string>,
  options: { readonly timestamps?: boolean; readonly colors?: boolean; readonly servers?: ReadonlyArray<string> } = {}
) => {
  const { colors = false, servers = ["web1", "web10"], timestamps = false } = options
  return logText({ servers, services, timestamps }, { colors })
}

test("names the server, and the service if there are several", () => {
  expect(format(["web"])(line("web1", "web", "shop-web"))).toBe("web1  | hello\n")
  expect(format(["web", "worker"])(line("web10", "web", "shop-web"))).toBe("web10 web    | hello\n")
  expect(format(["web"], { timestamps: true })(line("web1", "web", "shop-web"))).toBe(
    "web1  | 2026-11-29T14:00:01.123Z hello\n"
  )
})

test("names a replica by its number, and a container that is being deployed by its service", () => {
  const text = format(["web", "worker"])
  expect(text(line("web1", "web", "shop-web-2"))).toBe("web1  web-2  | hello\n")
  expect(text(line("web1", "web", "shop-web-next"))).toBe("web1  web    | hello\n")
  expect(text(line("web1", "web", "shop-web-2-next"))).toBe("web1  web-2  | hello\n")
  expect(format(["web"])(line("web1", "web", "shop-web-2"))).toBe("web1  web-2 | hello\n")
})

test("each server has its own color, the same on all lines", () => {
  const text = format(["web"], { colors: true })
  // oxlint-disable-next-line no-control-regex -- matches control characters
  const color = (server: string) => /\u001b\[(\d+)m/.exec(text(line(server, "web", "shop-web")))?.[1]
  expect([color("web1"), color("web10"), color("web1")]).toEqual(["36", "33", "36"])
})

test("a line cannot control the terminal, or look like one of another server", () => {
  const text = format(["web"])
  expect(text(line("web1", "web", "shop-web", "a\u001b[2J\u001b]0;title\u0007b\u0000\tc\rx\u202e"))).toBe("web1  | x\n")
  expect(text(line("web1", "web", "shop-web", "a\u2028web2 | b ##[error]x"))).toBe("web1  | aweb2 | b # #[error]x\n")
})

test("JSON has the text as it is, in one line that cannot control a terminal", () => {
  const text = "a\u001b[31mred\u0000\u009b\r\t"
  const json = logJson(line("web1", "web", "shop-web", text))
  // oxlint-disable-next-line no-control-regex -- matches control characters
  expect(json.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  expect(JSON.parse(json)).toEqual({
    time: "2026-11-29T14:00:01.123456789Z",
    server: "web1",
    service: "web",
    container: "shop-web",
    text
  })
})

const now = Date.parse("2026-11-29T14:00:00Z")
test.each([
  ["10m", now - 600_000],
  ["1h30m", now - 5_400_000],
  ["2 days", now - 172_800_000],
  ["2026-11-29T13:00:00Z", now - 3_600_000],
  ["2026-11-29T14:00+01:00", now - 3_600_000],
  ["2026-11-29", new Date(2026, 10, 29).getTime()],
  ["2026-11-29 13:00", new Date(2026, 10, 29, 13).getTime()]
])("--since %s", (text, millis) => expect(parseTimeFlag(text, now)).toEqual(Option.some(millis)))

test.each(["yesterday", "", "10", "2026", "2026-13-01", "29.11.2026", "-5m"])("--since %p is not a time", (text) =>
  expect(parseTimeFlag(text, now)).toEqual(Option.none())
)
