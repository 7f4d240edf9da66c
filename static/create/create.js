// Create Task. Everything here is an addition: the pages work without it.
//  - the cards of task types are narrowed while one types
//  - a file is checked and sent as soon as it is chosen (upload.js), a row is added in place (rows.js)
//  - the form is sent in place, so that nothing typed is lost when a store or the network is away
"use strict";

(() => {
  const JSON_PLEASE = { Accept: "application/json" };
  const AWAY = "The server did not answer, so it is not known whether the task was created. " +
    "Send the form again: it makes one task, however often it is sent.";

  const { all, complain, show, watch } = window.Upload;

  // The cards of task types

  function narrow(page) {
    const input = page.querySelector("input[type=search]");
    if (!input) return;
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (card) => words.every((word) => card.dataset.words.includes(word));
      all(page, "[data-words]").forEach((card) => show(card, fits(card)));
      show(page.querySelector("[data-recent]"), !words.length);
      const groups = all(page, "[data-group]");
      groups.forEach((group) => show(group, all(group, "[data-words]:not([hidden])").length));
      show(page.querySelector("[data-none]"), !groups.some((group) => !group.hidden));
    };
    if (new URLSearchParams(location.search).get("q")) return; // The server narrowed this page already.
    page.classList.add("is-live");
    input.addEventListener("input", apply);
    input.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const found = all(page, "[data-group]:not([hidden]) [data-words]:not([hidden]) a");
      if (input.value.trim() && found.length === 1) found[0].click();
    });
    page.querySelector("[data-clear]").addEventListener("click", (event) => {
      event.preventDefault();
      input.value = "";
      apply();
      input.focus();
    });
    apply();
  }

  // Sending the form in place

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
    const help = document.getElementById("run_at-help");
    help.textContent = help.textContent.replace("Times are in UTC.", `Times are in ${zoneName || "this device's time zone"}.`);
    return () => { zone.value = input.value ? zoneName || offsetOf(new Date(input.value)) : ""; };
  }

  function unreadable(form) {
    const wrong = all(form, "input").filter((input) => input.validity.badInput);
    wrong.forEach((input) => complain(input, input.type === "number" ? "Enter a number."
      : { date: "Enter a date.", time: "Enter a time." }[input.type] || "Enter a date and a time."));
    if (wrong.length) {
      const folded = wrong[0].closest("details");
      if (folded) folded.open = true;
      wrong[0].focus();
    }
    return wrong.length > 0;
  }

  // The form waits for its files; what could not be sent before is sent again.
  function filesSent(form) {
    return Promise.all(all(form, ".dropzone").map((box) => { box.again?.(); return box.sending; }));
  }

  // A file that could not be sent holds the form back until it is sent or removed, one that is not taken
  // here holds it back once: whoever sends the form again goes on without.
  function missed(form) {
    const box = all(form, ".dropzone").find((each) => each.dataset.unsent || each.again);
    if (!box) return false;
    if (!box.again) box.dataset.unsent = "";
    box.querySelector(box.again ? "[data-again]:not([hidden])" : "input[type=file]").focus();
    return true;
  }

  async function answer(form, response) {
    if (response.status === 201) { location.assign(response.headers.get("Location")); return true; }
    const type = response.headers.get("Content-Type") || "";
    if (response.status === 422 && type.startsWith("text/html")) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes);
      start();
      document.querySelector("[data-summary]").focus();
      return false;
    }
    throw new Error((type.includes("json") && (await response.json()).detail) || AWAY);
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
    const rest = () => { delete form.dataset.sending; form.removeAttribute("aria-busy"); busy.textContent = ""; };
    form.noValidate = true;
    form.addEventListener("complaint", (event) => complain(event.target, event.detail));
    form.dispatchEvent(new Event("drawn", { bubbles: true }));
    form.addEventListener("submit", async (event) => {
      if (event.submitter?.name === "row") return; // Without rows.js a row is the server's business.
      event.preventDefault();
      if (form.dataset.sending || unreadable(form)) return;
      form.dataset.sending = "yes";
      form.setAttribute("aria-busy", "true");
      fail(form, "");
      busy.textContent = "Sending…";
      try {
        await filesSent(form);
        if (missed(form)) { rest(); return; }
        stampZone();
        const body = new FormData(form);
        if (event.submitter?.name) body.set(event.submitter.name, event.submitter.value);
        const headers = { ...JSON_PLEASE, "X-Requested-With": "fetch" };
        const response = await fetch(form.action, { method: "POST", body, headers })
          .catch(() => { throw new Error(AWAY); });
        if (!await answer(form, response)) rest();
      } catch (error) {
        rest();
        fail(form, error.message);
      }
    });
    window.addEventListener("pageshow", rest);
  }

  function start() {
    all(document, "[data-choose]").forEach(narrow);
    all(document, ".dropzone").forEach(watch);
    all(document, "form[data-create]").forEach(inPlace);
    document.querySelector("[data-summary]")?.focus();
  }
  start();
})();
