// Rows of Create Task, added and removed in place; without this script the same buttons ask the server.
import { all, message, show } from "./dom.js";
import { watch } from "./dropzone.js";
import { enrich } from "./inputs.js";

const FIELDS = "input:not([type=hidden]), select, textarea";

const rowsOf = (group) => [...group.querySelector(":scope > [data-list]").children];

// How many there are: the number in each legend, and whether there may be one more.
function count(group) {
  const rows = rowsOf(group);
  rows.forEach((row, place) => {
    for (const number of own(row, "[data-number]")) number.textContent = place + 1;
  });
  show(group.querySelector(":scope > [data-add]"), rows.length < Number(group.dataset.most));
}

// What of a row belongs to itself and not to rows within it.
const own = (row, what) => all(row, what).filter((element) => element.closest("[data-row]") === row);

const say = (group, text) => {
  group.querySelector(":scope > [data-said]").textContent = text;
};

function next(group) {
  const numbers = rowsOf(group).map((row) => Number(own(row, "input[type=hidden]")[0].value));
  return Math.max(-1, ...numbers, Number(group.dataset.last ?? -1)) + 1;
}

function add(group) {
  const number = next(group);
  group.dataset.last = number;
  const made = document.createElement("template");
  made.innerHTML = group.querySelector(":scope > template").innerHTML.replaceAll(group.dataset.token, number);
  const row = made.content.firstElementChild;
  group.querySelector(":scope > [data-list]").append(row);
  count(group);
  for (const box of all(row, ".dropzone")) watch(box);
  enrich(row);
  say(group, message("row-added", { number: rowsOf(group).length }));
  (row.querySelector(FIELDS) || row).focus();
}

function remove(group, row) {
  const place = rowsOf(group).indexOf(row);
  row.remove();
  count(group);
  say(group, message("row-removed", { number: place + 1 }));
  const rows = rowsOf(group);
  (rows[Math.min(place, rows.length - 1)] || group.querySelector(":scope > [data-add]")).focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add], [data-remove-row]");
  if (!button) return;
  event.preventDefault();
  const group = button.closest("[data-rows]");
  if ("add" in button.dataset) add(group);
  else remove(group, button.closest("[data-row]"));
});
