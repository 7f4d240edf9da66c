// The server tells what has changed (app/streams); regions that show it ask again, and polls rest meanwhile.
const POLL_MS = 15000;
const askedAt = new WeakMap();
const waiting = new WeakSet();
let since = document.querySelector("meta[name=server-time]").content;
let source = null;
let heard = false;

// What was put into the page a moment ago counts as asked for.
export function streamRests({ sourceEvent, sourceElement }) {
  const known = askedAt.get(sourceElement) ?? (heard ? Date.now() : -Infinity);
  const rests = heard && sourceEvent?.type === "every" && "live" in sourceElement.dataset;
  const asks = !rests || Date.now() - known >= POLL_MS;
  askedAt.set(sourceElement, asks ? Date.now() : known);
  return !asks;
}

// Not more often than its gap allows, and not all pages of the world at the same time.
function renew(region, pace) {
  if (waiting.has(region)) return;
  waiting.add(region);
  const gap = Math.max(pace, 1000 * (region.dataset.gap || 1));
  const left = (askedAt.get(region) || 0) + gap - Date.now();
  const ask = () => waiting.delete(region) && window.htmx?.trigger(region, "resume");
  setTimeout(ask, Math.max(left, (Math.random() * pace) / 4));
}

function hear({ data, lastEventId }) {
  const { changed, listening, pace } = JSON.parse(data);
  since = lastEventId;
  heard = listening;
  for (const region of document.querySelectorAll("[data-live]")) {
    if (changed.some((name) => name === "*" || region.dataset.live.includes(name))) renew(region, pace);
  }
}

// A hidden page gives its connection back: a browser has six for all of its tabs.
export function showStream() {
  const wanted = !document.hidden && document.querySelector("[data-live]:not(#pulse)");
  if (wanted && source?.readyState < 2) return;
  source?.close();
  source = null;
  heard = false;
  const { stream } = document.body.dataset;
  if (!wanted || !stream) return;
  const url = new URL(stream, location.href);
  url.searchParams.set("since", since);
  source = new EventSource(url);
  source.onmessage = hear;
  source.onerror = () => {
    heard = false;
  };
}
