// The log of a running task follows its end until the reader goes up, and again when they are back at the end.

const NEAR_END = 8;
let follows = true;
let logTop = 0;
let followed = false;

const logText = () => document.getElementById("log-text");
const atEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR_END;

function showFollowing(log) {
  const follow = document.getElementById("follow");
  const end = document.getElementById("log-end");
  if (follow) follow.checked = follows;
  if (end) end.hidden = follow ? follows : atEnd(log);
}

export function followLog() {
  const log = logText();
  if (!log) return;
  const live = Boolean(document.getElementById("follow"));
  if (follows && (live || followed)) log.scrollTop = log.scrollHeight; // the last lines come with the end
  followed = live;
  logTop = log.scrollTop;
  showFollowing(log);
}

// A log whose beginning is cut off moves under its reader with every new line, and a renewal drops the selection:
// both wait.
export function logWaits() {
  const log = logText();
  const selection = getSelection();
  const selects = log && !selection.isCollapsed && log.contains(selection.anchorNode);
  return Boolean(selects || (log && !follows && log.closest("[data-cut]")));
}

function setFollowing(wanted) {
  follows = wanted;
  if (wanted && document.querySelector("#log[data-cut]")) window.htmx?.trigger("#log", "resume");
  followLog();
}

function onScroll(log) {
  const up = log.scrollTop < logTop;
  logTop = log.scrollTop;
  if (up && !atEnd(log)) follows = false;
  else if (atEnd(log) && !follows) {
    setFollowing(true);
    return;
  }
  showFollowing(log);
}

// A scroll event does not bubble, hence the capture.
document.addEventListener("scroll", ({ target }) => target.id === "log-text" && onScroll(target), true);

// A wheel or a finger that goes up means it at once: a scroll that is animated begins near the end.
document.addEventListener(
  "wheel",
  (event) => {
    const log = event.target.closest?.("#log-text");
    if (!log || event.deltaY >= 0 || log.scrollTop <= 0) return;
    follows = false;
    showFollowing(log);
  },
  { passive: true },
);

document.addEventListener("click", ({ target }) => {
  if (!target.closest("#log-end")) return;
  const log = logText();
  if (document.getElementById("follow")) setFollowing(true);
  log.scrollTop = log.scrollHeight;
  log.focus({ preventScroll: true });
  showFollowing(log);
});

document.addEventListener("change", ({ target }) => {
  if (target.id === "follow") setFollowing(target.checked);
});
