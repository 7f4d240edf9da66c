// Tasks selected in the list: a range, the whole page, all that match. Without this script the boxes and buttons are
// there as well, and the server says what cannot be done.

const figures = new Intl.NumberFormat("en");
const form = document.getElementById("many");
const wholePage = document.querySelector("[data-pick-page] input");
const everything = form?.elements.all;
const boxes = () => [...document.querySelectorAll("input[name=id][form=many]")];

let shift = false;
let last = null;

// From the box before to this one, all as this one.
function selectRange(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
  if (shift && from >= 0) for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  last = box;
}

function selectPage(checked) {
  if (form.contains(document.activeElement)) (last || wholePage).focus({ preventScroll: true });
  for (const box of boxes()) box.checked = checked;
  refresh();
}

const write = (place, text) => {
  if (place.textContent !== text) place.textContent = text;
};

// How many match is in the tab, once it is there and where it counts what the list shows.
function writeTotal() {
  const count = "counted" in form.dataset && document.querySelector(".tabs [aria-current] .tab-count");
  for (const place of form.querySelectorAll("[data-total]"))
    write(place, count?.textContent ? ` ${count.textContent}` : "");
}

// Which of the server's sentences is true.
function showSentence(selected) {
  let name = selected === 1 ? "one" : "some";
  if (everything && wholePage.checked) name = "page";
  if (everything?.checked) name = "all";
  for (const sentence of form.querySelectorAll("[data-said]")) {
    sentence.hidden = sentence.dataset.said !== name;
    const count = sentence.querySelector("[data-count]");
    if (count) write(count, figures.format(selected));
  }
}

function offerActions(selected) {
  const possible = everything?.checked ? [form] : selected.map((box) => box.closest("tr"));
  const actions = new Set(possible.flatMap((element) => element.dataset.actions.split(" ")));
  for (const button of form.querySelectorAll("[data-action]"))
    button.hidden = !actions.has(button.dataset.action);
}

function refresh() {
  const all = boxes();
  const selected = all.filter((box) => box.checked);
  wholePage.checked = selected.length > 0 && selected.length === all.length;
  wholePage.indeterminate = selected.length > 0 && !wholePage.checked;
  if (everything) {
    everything.checked &&= wholePage.checked;
    everything.closest("label").hidden = !wholePage.checked;
  }
  writeTotal();
  offerActions(selected);
  showSentence(selected.length);
}

function onChange({ target }) {
  if (target === wholePage) {
    selectPage(target.checked);
    return;
  }
  if (target.name === "id") selectRange(target);
  if (target.name === "id" || target === everything) refresh();
}

function noteShift({ shiftKey }) {
  shift = shiftKey;
}

function onKey(event) {
  noteShift(event);
  if (event.key === "Enter" && event.target.form === form && event.target.type === "checkbox") {
    event.preventDefault(); // else it presses the first button, whatever that is
  }
  const elsewhere = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
  if (event.key !== "Escape" || elsewhere || document.querySelector("details.menu[open]")) return;
  selectPage(false);
}

if (form) {
  for (const hidden of document.querySelectorAll("[data-pick-page], [data-pick-none]")) hidden.hidden = false;
  form.querySelector("[data-pick-none]").addEventListener("click", () => selectPage(false));
  document.addEventListener("pointerdown", noteShift, true);
  document.addEventListener("keydown", onKey, true); // before the menus are closed by the same key
  document.addEventListener("change", onChange);
  document.addEventListener("htmx:after:swap", refresh);
  addEventListener("pageshow", refresh); // a browser that goes back may have kept what was selected
  refresh();
}
