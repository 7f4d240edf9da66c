// A bulk action: back from its preview, and Stop while it runs in steps. Both pages work without this script.

// Back from the preview: to the list as it was left, with what was selected.
document.querySelector("[data-back]")?.addEventListener("click", (event) => {
  if (document.referrer !== event.target.href) return;
  event.preventDefault();
  history.back();
});

// Stop waits for the step that is under way, so that what it says is right.
let stopping = false;

document.addEventListener("submit", (event) => {
  if (!("run" in event.target.dataset) || event.submitter?.name !== "stop" || stopping || !window.htmx)
    return;
  event.preventDefault();
  event.submitter.setAttribute("aria-disabled", "true");
  stopping = true;
});

// Back or Forward to the page of a run: it was left, and resumes by its button only.
function pause() {
  const run = document.querySelector("form[data-run]");
  if (run) run.dataset.paused = "";
}

if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") pause();
addEventListener("pageshow", (event) => {
  if (event.persisted) pause();
});

document.addEventListener("htmx:before:request", (event) => {
  const run = event.target.closest?.("[data-run]");
  if (run && "paused" in run.dataset) event.preventDefault();
  if (!run || !stopping) return;
  event.preventDefault();
  run.requestSubmit(run.elements.stop);
});

// The focus on Stop moves to what is there when the run has ended.
let atStop = false;
document.addEventListener("htmx:before:swap", () => {
  atStop = document.activeElement?.id === "run-stop";
});
document.addEventListener("htmx:after:swap", () => {
  if (atStop && document.activeElement === document.body)
    document.querySelector("#run a, #run button")?.focus();
});
