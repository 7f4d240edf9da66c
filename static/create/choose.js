// The cards of task types are narrowed while one types; without this script the server does.
import { all, show } from "./dom.js";

function narrow(page, input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ dataset }) => words.every((word) => dataset.words.includes(word));
  for (const card of all(page, "[data-words]")) show(card, fits(card));
  show(page.querySelector("[data-recent]"), !words.length);
  const groups = all(page, "[data-group]");
  for (const group of groups) show(group, group.querySelector("[data-words]:not([hidden])"));
  show(page.querySelector("[data-none]"), !groups.some((group) => !group.hidden));
}

function start(page) {
  const input = page.querySelector("input[type=search]");
  // With a query in its address, the server has narrowed the page already.
  if (!input || new URLSearchParams(location.search).get("q")) return;
  page.classList.add("is-live");
  input.addEventListener("input", () => narrow(page, input));
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = all(page, "[data-group]:not([hidden]) [data-words]:not([hidden]) a");
    if (input.value.trim() && found.length === 1) found[0].click();
  });
  page.querySelector("[data-clear]").addEventListener("click", (event) => {
    event.preventDefault();
    input.value = "";
    narrow(page, input);
    input.focus();
  });
  narrow(page, input);
}

for (const page of all(document, "[data-choose]")) start(page);
