// Shortcuts of a single key, which can be switched off (WCAG 2.1.4).

const ACTION = "#many [data-action]:not([hidden], .btn-outline-danger)";
const ACTIONS = `${ACTION}:is(button), ${ACTION} summary, #many [data-pick-none]`;
const ROWS = ".tasks tbody .stretched-link, .lines .stretched-link, .op-table tbody th a";
const LINKS = { c: ".bar-create", v: ".bar-link", h: ".brand" };
const SETTING = "keys";

function isOff() {
  try {
    return localStorage.getItem(SETTING) === "off";
  } catch {
    return false; // private mode
  }
}

// Put the focus into the next row (1) or the one before (-1), or into the first where it is in none.
function move(row, step) {
  const rows = [...document.querySelectorAll(ROWS)];
  const at = rows.findIndex((link) => row?.contains(link));
  rows[at < 0 ? 0 : at + step]?.focus();
}

function onKey(event) {
  const typing = event.target.closest("input:not([form=many]), textarea, select, [contenteditable]");
  const search = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
  if (!search && (typing || event.ctrlKey || event.metaKey || event.altKey || isOff())) return;
  if (document.querySelector("dialog[open]")) return;
  const row = document.activeElement.closest("tr, li");
  if (search || event.key === "/") document.getElementById("search")?.focus();
  else if (event.key === "?") document.getElementById("shortcuts").showModal();
  else if (event.key === "x") row?.querySelector("input[name=id]")?.click();
  else if (event.key === "a") document.querySelector(ACTIONS)?.focus({ preventScroll: true });
  else if (event.key === "j" || event.key === "k") move(row, event.key === "j" ? 1 : -1);
  else if (event.key === "o") row?.querySelector(ROWS)?.click();
  else if (event.key in LINKS) document.querySelector(LINKS[event.key])?.click();
  else return;
  event.preventDefault();
}

const on = document.getElementById("shortcuts-on");
on.checked = !isOff();
on.addEventListener("change", () => {
  try {
    localStorage.setItem(SETTING, on.checked ? "on" : "off");
  } catch {
    // private mode
  }
});
document.addEventListener("keydown", onKey);
