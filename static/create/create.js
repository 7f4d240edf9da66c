// Create Task: the form is sent in place, so that nothing typed is lost when a store or the network is away. Everything
// here is an addition: the page works without it.
import { showButtons } from "../platform/buttons.js";
import { all, complain, message, show } from "./dom.js";
import { watch } from "./dropzone.js";
import { enrich } from "./inputs.js";
import "./rows.js";

// Where a browser does not know the name of its zone.
function offsetOf(moment) {
  const ahead = -moment.getTimezoneOffset();
  const part = (number) => String(Math.floor(number)).padStart(2, "0");
  return `${ahead < 0 ? "-" : "+"}${part(Math.abs(ahead) / 60)}:${part(Math.abs(ahead) % 60)}`;
}

function here(form) {
  const input = form.elements.run_at;
  const zone = form.elements.run_at_zone;
  const zoneName = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.getElementById("run_at-times").textContent = zoneName
    ? message("times-in", { zone: zoneName })
    : message("times-in-unknown");
  return () => {
    zone.value = input.value ? zoneName || offsetOf(new Date(input.value)) : "";
  };
}

function unreadable(form) {
  const wrong = all(form, "input").filter((input) => input.validity.badInput);
  for (const input of wrong) complain(input, message(input.type));
  if (wrong.length) {
    const folded = wrong[0].closest("details");
    if (folded) folded.open = true;
    wrong[0].focus();
  }
  return wrong.length > 0;
}

// The form waits for its files; what could not be sent before is sent again.
function filesSent(form) {
  return Promise.all(
    all(form, ".dropzone").map((box) => {
      box.again?.();
      return box.sending;
    }),
  );
}

// A file that could not be sent holds the form back until it is sent or removed, one that is not taken
// here holds it back once: the form is then sent without it.
function missed(form) {
  const box = all(form, ".dropzone").find((zone) => zone.dataset.unsent || zone.again);
  if (!box) return false;
  if (!box.again) box.dataset.unsent = "";
  box.querySelector(box.again ? "[data-again]:not([hidden])" : "input[type=file]").focus();
  return true;
}

async function answer(response) {
  if (response.status === 201) {
    location.assign(response.headers.get("Location"));
    return true;
  }
  const type = response.headers.get("Content-Type") || "";
  if ([200, 422].includes(response.status) && type.startsWith("text/html")) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes);
    start();
    showButtons();
    document.querySelector("[data-summary]").focus();
    return false;
  }
  throw new Error((type.includes("json") && (await response.json()).detail) || message("no-answer"));
}

function fail(form, sentence) {
  const note = form.querySelector("[data-failed]");
  note.textContent = sentence;
  show(note, sentence);
  if (sentence) note.scrollIntoView({ block: "center" });
}

function inPlace(form) {
  const stampZone = here(form);
  const busy = form.querySelector("[data-busy]");
  const rest = () => {
    delete form.dataset.sending;
    form.removeAttribute("aria-busy");
    busy.textContent = "";
  };
  form.noValidate = true;
  enrich(form);
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.name === "row") return; // Without rows.js a row is the server's business.
    event.preventDefault();
    if (form.dataset.sending || unreadable(form)) return;
    form.dataset.sending = "yes";
    form.setAttribute("aria-busy", "true");
    fail(form, "");
    busy.textContent = message("sending");
    try {
      await filesSent(form);
      if (missed(form)) {
        rest();
        return;
      }
      stampZone();
      const body = new FormData(form);
      if (event.submitter?.name) body.set(event.submitter.name, event.submitter.value);
      const headers = { Accept: "application/json", "X-Requested-With": "fetch" };
      const response = await fetch(form.action, { method: "POST", body, headers }).catch(() => {
        throw new Error(message("no-answer"));
      });
      if (!(await answer(response))) rest();
    } catch (error) {
      rest();
      fail(form, error.message);
    }
  });
  window.addEventListener("pageshow", rest);
}

function start() {
  for (const box of all(document, ".dropzone")) watch(box);
  for (const form of all(document, "form[data-create]")) inPlace(form);
  document.querySelector("[data-summary]")?.focus();
}
start();
