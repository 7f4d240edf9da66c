// Shortcuts of a single key, which can be switched off (WCAG 2.1.4).

const ACTIONS = "#many button[data-action]:not([hidden]), #many [data-action]:not([hidden]) summary";
const LINKS = { c: ".bar-create", v: ".bar-link", h: ".brand" };
const SETTING = "keys";

function isOff() {
  try {
    return localStorage.getItem(SETTING) === "off";
  } catch {
    return false; // private mode
  }
}

function onKey(event) {
  const typing = event.target.closest("input:not([form=many]), textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || isOff()) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") document.getElementById("search").focus();
  else if (event.key === "?") document.getElementById("shortcuts").showModal();
  else if (event.key === "x") document.activeElement.closest("tr")?.querySelector("input[name=id]")?.click();
  else if (event.key === "a") document.querySelector(ACTIONS)?.focus();
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
