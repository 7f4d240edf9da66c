// What the pages do beyond HTML and htmx: theme, times that stay true, copying, keys, a log that
// follows. Loaded in the head and blocking, so that the theme is there before the first paint.
"use strict";

const stored = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* private mode */ } },
};

// Theme

const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const chosen = stored.get("theme");
  const dark = chosen === "dark" || (chosen !== "light" && darkSystem.matches);
  document.documentElement.setAttribute("data-bs-theme", dark && !paper.matches ? "dark" : "light");
}

const paper = matchMedia("print"); // is light, whatever the screen is
applyTheme();
darkSystem.addEventListener("change", applyTheme);
paper.addEventListener("change", applyTheme);
addEventListener("beforeprint", () => document.documentElement.setAttribute("data-bs-theme", "light"));
addEventListener("afterprint", applyTheme);

function wireTheme() {
  for (const radio of document.querySelectorAll("input[name=theme]")) {
    radio.checked = radio.value === (stored.get("theme") || "auto");
    radio.addEventListener("change", () => { stored.set("theme", radio.value); applyTheme(); });
  }
}

// Times: relative in words, absolute in the person's own zone on hover (as app/core/quantities.py)

// Ages count from the server's time, which came with the page and comes with each answer, and from how
// much has passed since: this device's clock may be wrong.
let known = null;

function takeTime(text) {
  if (text && Number.isFinite(Number(text))) known = { server: Number(text), here: performance.now() };
}

takeTime(document.querySelector("meta[name=server-time]")?.content);

function serverNow() {
  return known ? known.server + performance.now() - known.here : Date.now();
}

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function relative(seconds) {
  const size = Math.abs(seconds);
  if (size < 5) return seconds >= 0 ? "just now" : "in a moment";
  const [unit, length] = UNITS.find((each) => size >= each[1]);
  const text = `${Math.floor(size / length)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function lasting(seconds) {
  if (seconds < 1) return `${Math.max(Math.round(seconds * 1000), 0)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const left = Math.round(seconds);
  const index = UNITS.findIndex((each) => left >= each[1]);
  const [unit, size] = UNITS[index];
  const lower = UNITS[index + 1];
  const part = lower ? Math.floor((left % size) / lower[1]) : 0;
  return `${Math.floor(left / size)} ${unit}${part ? ` ${part} ${lower[0]}` : ""}`;
}

function renewTimes() {
  for (const time of document.querySelectorAll("time[data-relative], time[data-since]")) {
    const moment = new Date(time.dateTime);
    const seconds = (serverNow() - moment) / 1000;
    const text = "since" in time.dataset ? lasting(seconds) : relative(seconds);
    if (time.textContent !== text) time.textContent = text;
    const title = ("since" in time.dataset ? "since " : "") + absolute.format(moment);
    if (time.title !== title) time.title = title;
  }
}

// Copying

function copy(button) {
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 1200);
  });
}

// Keys: single characters can be switched off (WCAG 2.1.4)

const DEEDS = "#many button[data-action]:not([hidden]), #many [data-action]:not([hidden]) summary";
const PLACES = { c: ".bar-create", v: ".bar-link", h: ".brand" };

function onKey(event) {
  const typing = event.target.closest("input:not([form=many]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || stored.get("keys") === "off") return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") document.getElementById("search").focus();
  else if (event.key === "?") document.getElementById("shortcuts").showModal();
  else if (event.key === "x") document.activeElement.closest("tr")?.querySelector("input[name=id]")?.click();
  else if (event.key === "a") document.querySelector(DEEDS)?.focus();
  else if (event.key in PLACES) document.querySelector(PLACES[event.key])?.click();
  else return;
  event.preventDefault();
}

function wireKeys() {
  const on = document.getElementById("shortcuts-on");
  on.checked = stored.get("keys") !== "off";
  on.addEventListener("change", () => stored.set("keys", on.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
}

// The log of a running task follows its end until the reader goes up, and again when they are back at the end.

const NEAR_END = 8;
let follows = true;
let logTop = 0;

const logText = () => document.getElementById("log-text");
const atEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR_END;

function showFollowing(log) {
  const follow = document.getElementById("follow");
  const end = document.getElementById("log-end");
  if (follow) follow.checked = follows;
  if (end) end.hidden = follow ? follows : atEnd(log);
}

function followLog() {
  const log = logText();
  if (!log) return;
  if (document.getElementById("follow") && follows) log.scrollTop = log.scrollHeight;
  logTop = log.scrollTop;
  showFollowing(log);
}

function setFollowing(wanted) {
  follows = wanted;
  if (wanted && document.querySelector("#log[data-cut]")) window.htmx?.trigger("#log", "resume");
  followLog();
}

function onLogScroll(log) {
  const up = log.scrollTop < logTop;
  logTop = log.scrollTop;
  if (up && !atEnd(log)) follows = false;
  else if (atEnd(log) && !follows) { setFollowing(true); return; }
  showFollowing(log);
}

function jumpToEnd() {
  const log = logText();
  if (document.getElementById("follow")) setFollowing(true);
  log.scrollTop = log.scrollHeight;
  log.focus({ preventScroll: true });
  showFollowing(log);
}

// A log of which the beginning is cut off moves under its reader with each line, and what is new takes away what
// is marked: both wait.
function logWaits() {
  const log = logText();
  const marked = getSelection();
  const marks = log && !marked.isCollapsed && log.contains(marked.anchorNode);
  return Boolean(marks || (log && !follows && log.closest("[data-cut]")));
}

document.addEventListener("scroll", (event) => { if (event.target.id === "log-text") onLogScroll(event.target); }, true);

// A wheel or a finger that goes up means it at once: a scroll that is animated begins near the end.
document.addEventListener("wheel", (event) => {
  const log = event.target.closest?.("#log-text");
  if (log && event.deltaY < 0 && log.scrollTop > 0) { follows = false; showFollowing(log); }
}, { passive: true });

// Regions that htmx renews

function afterSwap() {
  loadNeeds();
  reveal();
  renewTimes();
  followLog();
}

// What few pages have names the styles and scripts that it needs; they are loaded once, in this order.
function loadNeeds() {
  for (const needing of document.querySelectorAll("[data-needs]")) {
    for (const address of needing.dataset.needs.split(" ")) {
      const style = address.includes(".css");
      const name = style ? "href" : "src";
      if (document.querySelector(`[${name}="${address}"]`)) continue;
      const made = Object.assign(document.createElement(style ? "link" : "script"), { rel: "stylesheet", async: false });
      made.setAttribute(name, address);
      document.head.append(made);
    }
  }
}

// A link that renewed a region in place: the address bar keeps what the link says.
function keepAddress(event) {
  const link = event.detail.ctx?.sourceElement;
  if (link?.matches?.("a[href][hx-get]")) history.replaceState(null, "", link.href);
}

function reveal() {
  for (const button of document.querySelectorAll("[data-copy][hidden], [data-opens][hidden]")) {
    if (!button.dataset.copy || navigator.clipboard) button.hidden = false;
  }
}

function say(stale) {
  document.getElementById("stale").hidden = !stale;
}

// A request that ends because the page is left says nothing about the server, nor does an answer that
// could not be put into the page. (A download looks like leaving, too, hence the few seconds.)
let leftAt = -Infinity;

function unanswered(event) {
  const { ctx } = event.detail;
  if (ctx && !ctx.response && Date.now() - leftAt > 5000) say(true);
}

function wireLive() {
  document.addEventListener("htmx:before:request", (event) => {
    const { sourceEvent, sourceElement } = event.detail.ctx;
    if (document.hidden && sourceEvent?.type === "every") event.preventDefault();
    if (sourceElement?.id === "log" && logWaits()) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", (event) => { keepAddress(event); afterSwap(); });
  document.addEventListener("htmx:after:request", (event) => {
    const { status, headers } = event.detail.ctx.response;
    takeTime(headers.get("X-Server-Time"));
    say(status >= 500);
  });
  document.addEventListener("htmx:error", unanswered);
  addEventListener("beforeunload", () => { leftAt = Date.now(); });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#log-end")) jumpToEnd();
  const button = event.target.closest("[data-copy], [data-opens]");
  if (button?.dataset.copy) copy(button);
  else if (button) document.getElementById(button.dataset.opens).showModal();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

document.addEventListener("change", (event) => {
  if (event.target.id === "follow") setFollowing(event.target.checked);
});

// A page that a browser kept while another one was shown: what it said was just done is not any more.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const said of document.querySelectorAll("[data-flash]")) said.remove();
});

document.addEventListener("submit", (event) => {
  if (!("dropsEmpty" in event.target.dataset)) return;
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
});

document.addEventListener("DOMContentLoaded", () => {
  wireTheme();
  wireKeys();
  wireLive();
  afterSwap();
  setInterval(renewTimes, 1000);
});
