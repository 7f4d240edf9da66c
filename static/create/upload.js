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
    if (file.size > most) return `${file.name} is ${size(file.size)}; the limit is ${size(most)}.`;
    return fits(file, input) ? "" : `${file.name} isn't an accepted file type. Accepted: ${input.accept}.`;
  }

  const span = (seconds) => seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

  function underWay(now) {
    if (now.again) return `${now.why} It is sent again in ${now.again} s.`;
    const rate = now.rate ? `, ${size(now.rate)}/s, ${span(now.left)} left` : "";
    return `${Math.floor(100 * now.sent / now.total)} %${rate}`;
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
    let chosen = null;

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
      current = chosen = null;
      box.dataset.unsent = "";
      box.again = null;
      show(part("again"), false);
      part("id").value = "";
      state("", "", false);
    };
    const take = async (files) => {
      const wrong = files.length > 1 ? "Choose one file." : refusal(files[0], input, Number(box.dataset.max));
      box.dataset.unsent = wrong;
      if (wrong) { input.value = ""; complain(input, wrong); return; }
      const [file] = files; // Before they are cleared.
      clear();
      chosen = file;
      upload();
    };
    // Sends the file that was chosen; after a failure it stays chosen, and `box.again` sends it once more.
    const upload = () => {
      const file = chosen;
      const about = (words) => state(file.name, `, ${size(file.size)}, ${words}`, true);
      complain(input, "");
      show(part("again"), false);
      box.again = null;
      box.dataset.unsent = "";
      about("waiting");
      const mine = Sending.send(file, box.dataset.upload, token, (now) => {
        if (current !== mine) return;
        part("progress").value = now.again ? 0 : 100 * now.sent / now.total;
        about(underWay(now));
      });
      current = mine;
      box.sending = mine.done.then((stored) => {
        if (current !== mine) return;
        part("id").value = stored.id;
        state(stored.name, `, ${stored.size}, uploaded`, false);
      }).catch((error) => {
        if (current !== mine) return;
        state(file.name, `, ${size(file.size)}, not sent`, false);
        show(part("again"), true);
        box.again = upload;
        box.dataset.unsent = error.message;
        complain(input, error.message);
      });
    };

    box.classList.add("is-ready");
    show(part("ask"), true);
    show(part("remove"), part("id").value);
    all(box, "[data-plain]").forEach((element) => element.remove());
    input.addEventListener("change", () => { if (input.files.length) take(input.files); });
    part("again").addEventListener("click", () => { input.focus(); upload(); });
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
      settle();
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
      name(item, file.name, `, ${size(file.size)}`);
      item.querySelector("[data-progress]").setAttribute("aria-label", `Upload of ${file.name}`);
      ready(item);
      list.append(item);
      const again = item.querySelector("[data-again]");
      again.addEventListener("click", () => { item.querySelector("[data-remove]").focus(); upload(item, file); });
      upload(item, file);
    };
    // Sends a file of the list; after a failure it stays there, with a button that sends it once more.
    const upload = (item, file) => {
      const bar = item.querySelector("[data-progress]");
      const about = (words) => name(item, file.name, `, ${size(file.size)}, ${words}`);
      const failed = (sentence) => {
        show(item.querySelector("[data-again]"), sentence);
        item.again = sentence ? () => upload(item, file) : null;
        complain(input, box.dataset.unsent = sentence);
      };
      failed("");
      show(bar, true);
      const mine = Sending.send(file, box.dataset.upload, token, (now) => {
        bar.value = now.again ? 0 : 100 * now.sent / now.total;
        about(underWay(now));
      });
      item.stop = mine.stop;
      const done = mine.done.then((stored) => {
        item.querySelector("[data-id]").value = stored.id;
        name(item, stored.name, `, ${stored.size}, uploaded`);
        item.stop = null;
      }).catch((error) => {
        if (!item.isConnected) return;
        about("not sent");
        failed(`${file.name}: ${error.message}`);
      }).finally(() => { show(bar, false); waiting.delete(done); settle(); });
      waiting.add(done);
      settle();
    };
    // What the form waits for, and what it sends again first.
    const settle = () => {
      const unsent = [...list.children].filter((item) => item.again);
      box.sending = Promise.all(waiting);
      box.again = unsent.length ? () => unsent.forEach((item) => item.again()) : null;
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
