// Regions that htmx renews: when they may, what follows a renewal, and a notice while the server does not answer.
import { showButtons } from "./buttons.js";
import { followLog, logWaits } from "./log.js";
import { showStream, streamRests } from "./stream.js";
import { renewTimes, takeTime } from "./times.js";

const LEAVING_MS = 5000;
const HIDDEN_MS = 15000;

// Styles and scripts that only some pages need are named by the region that needs them; they are loaded once and
// run in this order.
function loadNeeds() {
  for (const region of document.querySelectorAll("[data-needs]")) {
    for (const url of region.dataset.needs.split(" ")) {
      const style = url.endsWith(".css");
      const name = style ? "href" : "src";
      if (document.querySelector(`[${name}="${url}"]`)) continue;
      const element = document.createElement(style ? "link" : "script");
      if (style) element.rel = "stylesheet";
      else Object.assign(element, { async: false, type: url.includes("/vendor/") ? "" : "module" });
      element.setAttribute(name, url);
      document.head.append(element);
    }
  }
}

// The tab of a task says its state, also where nobody looks at it.
function showTab() {
  const { tab, icon } = document.getElementById("task")?.dataset || {};
  if (!tab || document.title === tab) return;
  document.title = tab;
  document.querySelector("link[rel=icon]").href = icon;
}

function refresh() {
  showTab();
  loadNeeds();
  showButtons();
  renewTimes();
  followLog();
}

// A link that renewed a region in place: the address bar shows what the link says.
function updateAddress(event) {
  const link = event.detail.ctx?.sourceElement;
  if (link?.matches?.("a[href][hx-get]")) history.replaceState(null, "", link.href);
}

function showStale(stale) {
  document.getElementById("stale").hidden = !stale;
}

// The session is over: what was typed stays, and signing in leads back here.
function showSignedOut() {
  const notice = document.getElementById("signed-out");
  const link = notice.querySelector("a");
  link.search = new URLSearchParams({ next: location.pathname + location.search });
  notice.hidden = false;
}

// A request that ends because the page is left says nothing about the server, nor does an answer that
// could not be put into the page. (A download looks like leaving, too, hence the few seconds.)
let leftAt = -Infinity;

// What nobody sees is not asked for, but for the state of a task, which shows in the tab.
let askedAt = -Infinity;
function rests({ sourceEvent, sourceElement }) {
  if (!document.hidden || sourceEvent?.type !== "every") return false;
  if (sourceElement?.id !== "task" || Date.now() - askedAt < HIDDEN_MS) return true;
  askedAt = Date.now();
  return false;
}

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement } = event.detail.ctx;
  if (rests(event.detail.ctx) || streamRests(event.detail.ctx)) event.preventDefault();
  if (sourceElement?.id === "log" && logWaits()) event.preventDefault();
});

document.addEventListener("htmx:after:swap", (event) => {
  updateAddress(event);
  refresh();
});

document.addEventListener("htmx:after:request", (event) => {
  const { status, headers } = event.detail.ctx.response;
  takeTime(headers.get("X-Server-Time"));
  showStale(status >= 500);
  if (status === 401) showSignedOut();
});

document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (ctx && !ctx.response && Date.now() - leftAt > LEAVING_MS) showStale(true);
});

document.addEventListener("visibilitychange", () => {
  showStream();
  if (!document.hidden) window.htmx?.trigger("#task[hx-get]", "resume");
});

addEventListener("beforeunload", () => {
  leftAt = Date.now();
});

// A page that a browser restores: what it said was just done is not any more.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const flash of document.querySelectorAll("[data-flash]")) flash.remove();
});

refresh();
showStream();
