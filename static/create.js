// Create Task. Everything here is an addition: the pages work without it.
//  - the cards of task types are narrowed while one types
//  - a file is checked and sent as soon as it is chosen; the form then holds its id
//  - the form is sent in place, so that nothing typed is lost when a store or the network is away
"use strict";

(() => {
  const JSON_PLEASE = { Accept: "application/json" };
  const AWAY = "The server did not answer, so it is not known whether the task was created. " +
    "Send the form again: it makes one task, however often it is sent.";

  const all = (where, what) => [...where.querySelectorAll(what)];
  const show = (element, shown) => { if (element) element.hidden = !shown; };

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

  // A sentence beside a field

  function complain(field, sentence) {
    const note = document.getElementById(`${field.id}-error`);
    note.textContent = sentence;
    show(note, sentence);
    field.closest(".field").classList.toggle("has-error", Boolean(sentence));
    if (sentence) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  // A file that is sent as soon as it is chosen

  const size = (bytes) => {
    const units = ["bytes", "KB", "MB", "GB"];
    let at = 0;
    while (bytes >= 1024 && at < units.length - 1) { bytes /= 1024; at += 1; }
    return `${at && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
  };

  function fits(file, input) {
    const kinds = (input.accept || "").toLowerCase().split(",").filter(Boolean);
    return !kinds.length || kinds.some((kind) => kind.startsWith(".")
      ? file.name.toLowerCase().endsWith(kind)
      : kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind);
  }

  function refusal(files, input, most) {
    if (files.length > 1) return "One file is expected here.";
    if (files[0].size > most) return `${files[0].name} is ${size(files[0].size)}; at most ${size(most)} are taken.`;
    return fits(files[0], input) ? "" : `${files[0].name} is not of a kind that is taken here: ${input.accept}.`;
  }

  function send(file, url, token, onProgress) {
    const request = new XMLHttpRequest();
    const sent = new Promise((resolve, reject) => {
      request.open("POST", url);
      request.setRequestHeader("X-CSRFToken", token);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
      request.onload = () => request.status === 201 ? resolve(request.response)
        : reject(new Error(request.response?.detail || "The file could not be sent. Please try again."));
      request.onerror = () => reject(new Error("The server did not answer while the file was sent. Please choose it again."));
      request.onabort = () => reject(new Error(""));
      const body = new FormData();
      body.append("file", file);
      request.send(body);
    });
    return { sent, stop: () => request.abort() };
  }

  function zone(box) {
    const part = (name) => box.querySelector(`[data-${name}]`);
    const input = box.querySelector("input[type=file]");
    const token = box.closest("form").elements.csrf_token?.value || "";
    const needed = input.required;
    let current = null;

    const state = (name, about, busy) => {
      part("name").textContent = name;
      part("size").textContent = about;
      show(part("now"), name);
      show(part("remove"), name);
      show(part("progress"), busy);
      box.classList.toggle("has-file", Boolean(name));
      input.value = "";
      input.required = needed && !name;
    };
    const clear = () => {
      if (current) current.stop();
      current = null;
      box.dataset.unsent = "";
      part("id").value = "";
      state("", "", false);
    };
    const take = async (files) => {
      const wrong = refusal(files, input, Number(box.dataset.max));
      box.dataset.unsent = wrong;
      if (wrong) { input.value = ""; complain(input, wrong); return; }
      const file = files[0];
      clear();
      complain(input, "");
      state(file.name, `, ${size(file.size)}`, true);
      const mine = send(file, box.dataset.upload, token, (share) => { part("progress").value = 100 * share; });
      current = mine;
      box.sending = mine.sent.then((stored) => {
        part("id").value = stored.id;
        state(stored.name, `, ${stored.size}, uploaded`, false);
      }).catch((error) => {
        if (current !== mine) return;
        clear();
        box.dataset.unsent = error.message;
        complain(input, error.message);
      });
    };

    box.classList.add("is-ready");
    show(part("ask"), true);
    show(part("remove"), part("id").value);
    all(box, "[data-plain]").forEach((element) => element.remove());
    input.addEventListener("change", () => { if (input.files.length) take(input.files); });
    part("remove").addEventListener("click", () => { clear(); complain(input, ""); input.focus(); });
    ["dragenter", "dragover"].forEach((name) => input.addEventListener(name, () => box.classList.add("is-over")));
    ["dragleave", "drop"].forEach((name) => input.addEventListener(name, () => box.classList.remove("is-over")));
  }

  // Sending the form in place

  function here(form) {
    const input = form.elements.run_at;
    const offset = form.elements.run_at_offset;
    const zoneName = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const help = document.getElementById("run_at-help");
    help.textContent = help.textContent.replace("The time is in UTC.", `Your time, ${zoneName || "as on this device"}.`);
    return () => { offset.value = input.value ? String(-new Date(input.value).getTimezoneOffset()) : ""; };
  }

  function unreadable(form) {
    const wrong = all(form, "input").filter((input) => input.validity.badInput);
    wrong.forEach((input) => complain(input, input.type === "number" ? "A number is expected."
      : { date: "A date is expected.", time: "A time is expected." }[input.type] || "A date and a time are expected."));
    if (wrong.length) {
      const folded = wrong[0].closest("details");
      if (folded) folded.open = true;
      wrong[0].focus();
    }
    return wrong.length > 0;
  }

  // A file that could not be sent holds the form back once: whoever sends it again goes on without.
  function missed(form) {
    const box = all(form, ".dropzone").find((each) => each.dataset.unsent);
    if (!box) return false;
    box.dataset.unsent = "";
    box.querySelector("input[type=file]").focus();
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
      event.preventDefault();
      if (form.dataset.sending || unreadable(form)) return;
      form.dataset.sending = "yes";
      form.setAttribute("aria-busy", "true");
      fail(form, "");
      busy.textContent = "Sending…";
      try {
        await Promise.all(all(form, ".dropzone").map((box) => box.sending));
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
    all(document, ".dropzone").forEach(zone);
    all(document, "form[data-create]").forEach(inPlace);
    document.querySelector("[data-summary]")?.focus();
  }
  start();
})();
