// Many tasks chosen in the list: a range, the whole page, all that match; and an operation that runs in steps. Without
// this script the boxes and buttons are there as well, and the server says what cannot be done.
"use strict";

(() => {
  const form = document.getElementById("many");
  const wholePage = document.querySelector("[data-pick-page] input");
  const everything = form?.elements.all;
  const boxes = () => [...document.querySelectorAll("input[name=id][form=many]")];
  const row = (box) => box.closest("tr");

  // Choosing

  let shift = false;
  let last = null;

  // From the box before to this one, all as this one.
  function range(box) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
    if (shift && from >= 0) for (const each of all.slice(from, to + 1)) each.checked = box.checked;
    last = box;
  }

  function pick(checked) {
    if (form.contains(document.activeElement)) (last || wholePage).focus({ preventScroll: true });
    for (const box of boxes()) box.checked = checked;
    refresh();
  }

  // What is chosen, in words, and what may be done to it

  const plural = (count) => `${count.toLocaleString("en")} task${count === 1 ? "" : "s"}`;

  // What follows the A: with the number of the tab, where it is there already and counts what the list shows.
  function matching() {
    const count = "counted" in form.dataset && document.querySelector(".tabs [aria-current] .tab-count")?.textContent;
    return count ? `ll ${count} that match` : "ll that match";
  }

  function said(chosen) {
    if (everything?.checked) return `A${matching()} are selected`;
    if (everything && wholePage.checked) return `All ${chosen} on this page are selected`;
    return `${plural(chosen)} selected`;
  }

  function offer(chosen) {
    const possible = everything?.checked ? [form] : chosen.map(row);
    const actions = new Set(possible.flatMap((each) => each.dataset.actions.split(" ")));
    for (const each of form.querySelectorAll("[data-action]")) each.hidden = !actions.has(each.dataset.action);
  }

  const write = (place, text) => { if (place.textContent !== text) place.textContent = text; };

  function refresh() {
    const all = boxes();
    const chosen = all.filter((box) => box.checked);
    wholePage.checked = chosen.length > 0 && chosen.length === all.length;
    wholePage.indeterminate = chosen.length > 0 && !wholePage.checked;
    if (everything) {
      everything.checked &&= wholePage.checked;
      everything.closest("label").hidden = !wholePage.checked;
      write(everything.nextElementSibling, `Select a${matching()}`);
    }
    offer(chosen);
    write(form.querySelector("[role=status]"), said(chosen.length));
  }

  function onChange(event) {
    const box = event.target;
    if (box === wholePage) return pick(box.checked);
    if (box.name === "id") range(box);
    if (box.name === "id" || box === everything) refresh();
  }

  function onKey(event) {
    shift = event.shiftKey;
    if (event.key === "Enter" && event.target.form === form && event.target.type === "checkbox") {
      event.preventDefault(); // else it presses the first button, whatever that is
    }
    const elsewhere = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (event.key !== "Escape" || elsewhere || document.querySelector("details.menu[open]")) return;
    pick(false);
  }

  if (form) {
    for (const hidden of document.querySelectorAll("[data-pick-page], [data-pick-none]")) hidden.hidden = false;
    form.querySelector("[data-pick-none]").addEventListener("click", () => pick(false));
    document.addEventListener("pointerdown", (event) => { shift = event.shiftKey; }, true);
    document.addEventListener("keydown", onKey, true); // before the menus are closed by the same key
    document.addEventListener("change", onChange);
    document.addEventListener("htmx:after:swap", refresh);
    addEventListener("pageshow", refresh); // a browser that goes back may have kept what was chosen
    refresh();
  }

  // Back from the preview: to the list as it was left, with what was chosen.
  document.querySelector("[data-back]")?.addEventListener("click", (event) => {
    if (document.referrer !== event.target.href) return;
    event.preventDefault();
    history.back();
  });

  // An operation in steps: Stop waits for the step that is under way, so that what it says is right.

  let stopping = false;

  document.addEventListener("submit", (event) => {
    if (!("run" in event.target.dataset) || event.submitter?.name !== "stop" || stopping || !window.htmx) return;
    event.preventDefault();
    event.submitter.setAttribute("aria-disabled", "true");
    stopping = true;
  });

  // Who comes back to the page of a run by Back or Forward has left it: it goes on when they say so.
  function pause() {
    const run = document.querySelector("form[data-run]");
    if (run) run.dataset.paused = "";
  }

  if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") pause();
  addEventListener("pageshow", (event) => { if (event.persisted) pause(); });

  document.addEventListener("htmx:before:request", (event) => {
    const run = event.target.closest?.("[data-run]");
    if (run && "paused" in run.dataset) event.preventDefault();
    if (!run || !stopping) return;
    event.preventDefault();
    run.requestSubmit(run.elements.stop);
  });

  // Who had the focus on Stop goes on at what is there when it has ended.
  let atStop = false;
  document.addEventListener("htmx:before:swap", () => { atStop = document.activeElement?.id === "run-stop"; });
  document.addEventListener("htmx:after:swap", () => {
    if (atStop && document.activeElement === document.body) document.querySelector("#run a, #run button")?.focus();
  });
})();
