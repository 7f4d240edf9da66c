// Files of Create Task, sent as soon as they are chosen or dropped; the form then holds their ids.
// What is here serves create.js and rows.js as well.
"use strict";

window.Upload = (() => {
  const all = (where, what) => [...where.querySelectorAll(what)];
  const show = (element, shown) => { if (element) element.hidden = !shown; };

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

  function refusal(file, input, most) {
    if (file.size > most) return `${file.name} is ${size(file.size)}; at most ${size(most)} are taken.`;
    return fits(file, input) ? "" : `${file.name} is not of a kind that is taken here: ${input.accept}.`;
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

  function followDrag(box, input) {
    ["dragenter", "dragover"].forEach((name) => input.addEventListener(name, () => box.classList.add("is-over")));
    ["dragleave", "drop"].forEach((name) => input.addEventListener(name, () => box.classList.remove("is-over")));
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
      const wrong = files.length > 1 ? "One file is expected here." : refusal(files[0], input, Number(box.dataset.max));
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
    followDrag(box, input);
  }

  // Several files: a list, and a zone for more

  function several(box) {
    const input = box.querySelector("input[type=file]");
    const list = box.querySelector("[data-list]");
    const said = box.querySelector("[data-said]");
    const token = box.closest("form").elements.csrf_token?.value || "";
    const needed = input.required;
    const waiting = new Set();

    const counted = () => { input.required = needed && !list.children.length; };
    const remove = (item) => {
      const other = item.nextElementSibling || item.previousElementSibling;
      item.stop?.();
      item.remove();
      counted();
      complain(input, box.dataset.unsent = "");
      said.textContent = `${item.querySelector("[data-name]").textContent} removed.`;
      (other?.querySelector("[data-remove]") || input).focus();
    };
    const ready = (item) => {
      all(item, "[data-plain]").forEach((element) => element.remove());
      const button = item.querySelector("[data-remove]");
      show(button, true);
      button.addEventListener("click", () => remove(item));
    };
    const name = (item, text, about) => {
      item.querySelector("[data-name]").textContent = text;
      item.querySelector("[data-whose]").textContent = text;
      item.querySelector("[data-size]").textContent = about;
    };
    const add = (file) => {
      const item = box.querySelector("template").content.firstElementChild.cloneNode(true);
      const bar = item.querySelector("[data-progress]");
      name(item, file.name, `, ${size(file.size)}`);
      bar.setAttribute("aria-label", `Upload of ${file.name}`);
      show(bar, true);
      ready(item);
      list.append(item);
      const mine = send(file, box.dataset.upload, token, (share) => { bar.value = 100 * share; });
      item.stop = mine.stop;
      const done = mine.sent.then((stored) => {
        item.querySelector("[data-id]").value = stored.id;
        name(item, stored.name, `, ${stored.size}, uploaded`);
        show(bar, false);
        item.stop = null;
      }).catch((error) => {
        if (!item.isConnected) return;
        item.remove();
        counted();
        complain(input, box.dataset.unsent = `${file.name}: ${error.message}`);
      }).finally(() => waiting.delete(done));
      waiting.add(done);
    };
    const take = (files) => {
      const most = Number(box.dataset.most);
      const problems = [];
      [...files].forEach((file) => {
        const wrong = list.children.length >= most ? `At most ${most} ${most === 1 ? "file is" : "files are"} taken here.`
          : refusal(file, input, Number(box.dataset.max));
        if (wrong) problems.push(wrong);
        else add(file);
      });
      input.value = "";
      counted();
      complain(input, box.dataset.unsent = [...new Set(problems)].join(" "));
      box.sending = Promise.all(waiting);
    };

    box.classList.add("is-ready");
    show(box.querySelector("[data-ask]"), true);
    [...list.children].forEach(ready);
    input.addEventListener("change", () => { if (input.files.length) take(input.files); });
    followDrag(box, input);
  }

  const watch = (box) => ("several" in box.dataset ? several : zone)(box);
  return { all, complain, show, watch };
})();
