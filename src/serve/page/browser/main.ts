// The page of `jiji serve`. It shows what the API answers.
import "./bunInBrowser.ts"
import { getSession, type Session, signIn, signOut, whenSignedOut } from "./api.ts"
import { deliveries } from "./deliveries.ts"
import { el, link } from "./dom.ts"
import { home } from "./home.ts"
import { project } from "./project.ts"
import { runView } from "./runView.ts"
import { startCommand, startPipeline } from "./startView.ts"
import { Runs, type View } from "./state.ts"
import { keepTimes } from "./times.ts"

const notices = el("div", { class: "notices", role: "status", "aria-live": "polite" })

const notify = (text: string, kind?: "error"): void => {
  const notice = el("p", { class: kind ?? "" }, text)
  notices.append(notice)
  setTimeout(() => notice.remove(), kind === "error" ? 10_000 : 4000)
}

/** The parts of the address's fragment: `#/runs/12`. */
const route = (): ReadonlyArray<string> =>
  location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map((part) => {
      try {
        return decodeURIComponent(part)
      } catch {
        return part
      }
    })

const notFound = () => el("main", {}, el("h1", {}, "Not found"), el("p", {}, link([], {}, "Go to the overview")))

const viewFor = (view: View, [kind = "", first = "", second = "", third = ""]: ReadonlyArray<string>): HTMLElement => {
  if (kind === "") return home(view)
  if (kind === "runs" && /^\d{1,15}$/.test(first)) return runView(view, Number(first))
  if (kind === "projects" && first !== "") return project(view, first)
  if (kind === "start" && second === "pipeline") return startPipeline(view, first, third)
  if (kind === "start" && second === "command") return startCommand(view, first, third)
  if (kind === "deliveries") return deliveries(view)
  return notFound()
}

const titles: Readonly<Record<string, string>> = { "": "Overview", deliveries: "Deliveries" }

/** Shows the page to whoever has signed in. Ends when the session does. */
const app = (session: Session): void => {
  const ended = new AbortController()
  const runs = new Runs()
  const offline = el(
    "p",
    { class: "offline", role: "status", hidden: true },
    "No connection to the server. Trying again…"
  )
  const out = el("button", { type: "button", class: "quiet" }, "Sign out")
  const bar = el(
    "nav",
    { class: "top", "aria-label": "Main" },
    link([], { class: "brand" }, "jiji"),
    link([], { class: "place" }, "Overview"),
    link(["deliveries"], {}, "Deliveries"),
    el("span", { class: "who" }, `${session.name} · ${session.role}`),
    out
  )
  const leave = () => {
    ended.abort()
    signInView()
  }
  whenSignedOut(() => {
    if (ended.signal.aborted) return
    leave()
    notify("Your session has ended.", "error")
  })
  out.addEventListener("click", () => {
    signOut().then(leave, (error: Error) => notify(error.message, "error"))
  })
  let current = new AbortController()
  let content = el("main", {})
  const show = (isFirst = false) => {
    current.abort()
    current = new AbortController()
    const parts = route()
    document.title = `${titles[parts[0] ?? ""] ?? parts.slice(0, 2).join(" ")} · jiji`
    const next = viewFor({ session, runs, signal: current.signal, notify }, parts)
    next.id = "content"
    content.replaceWith(next)
    content = next
    scrollTo(0, 0)
    for (const each of bar.querySelectorAll("a")) {
      if (each.getAttribute("href") === `#/${parts.join("/")}`) each.setAttribute("aria-current", "page")
      else each.removeAttribute("aria-current")
    }
    // So that a screen reader reads the new view, and Tab goes on there.
    if (isFirst || next.contains(document.activeElement)) return
    next.tabIndex = -1
    next.focus({ preventScroll: true })
  }
  const change = () => show()
  addEventListener("hashchange", change)
  ended.signal.addEventListener("abort", () => {
    removeEventListener("hashchange", change)
    current.abort()
  })
  document.body.replaceChildren(bar, offline, content, notices)
  show(true)
  runs.follow(ended.signal, (isConnected) => (offline.hidden = isConnected))
}

const signInView = (): void => {
  document.title = "Sign in · jiji"
  const token = el("input", {
    type: "password",
    id: "token",
    name: "token",
    required: true,
    autocomplete: "current-password",
    spellcheck: "false",
    autocapitalize: "off"
  })
  const error = el("p", { class: "failure", role: "alert", hidden: true })
  const button = el("button", { type: "submit", class: "primary" }, "Sign in")
  const submit = async () => {
    button.disabled = true
    error.hidden = true
    try {
      app(await signIn(token.value))
    } catch (problem) {
      error.textContent = problem instanceof Error ? problem.message : String(problem)
      error.hidden = false
      token.select()
    }
    button.disabled = false
  }
  const form = el(
    "form",
    {
      class: "sign-in",
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      }
    },
    el("h1", {}, "jiji"),
    el("label", { for: "token" }, "Token"),
    token,
    error,
    button,
    el("p", { class: "hint" }, "An administrator makes one: ", el("code", {}, "jiji token create NAME --role run"))
  )
  document.body.replaceChildren(el("main", { class: "entrance" }, form), notices)
  token.focus()
}

keepTimes()
getSession().then(
  (session) => (session === undefined ? signInView() : app(session)),
  (error: Error) => {
    signInView()
    notify(error.message, "error")
  }
)
