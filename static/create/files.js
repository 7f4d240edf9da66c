// Several files: a list, and a zone for more; each is sent as soon as it is chosen or dropped.
import { all, complain, show } from "./dom.js";
import { message } from "./messages.js";
import { send } from "./sending.js";
import { followDrag, progressOf, refusal, sizeOf } from "./upload.js";

export function watchFiles(box) {
  const input = box.querySelector("input[type=file]");
  const list = box.querySelector("[data-list]");
  const said = box.querySelector("[data-said]");
  const token = box.closest("form").elements.csrf_token?.value || "";
  const required = input.required;
  const waiting = new Set();

  const tell = (sentence) => {
    box.dataset.unsent = sentence;
    complain(input, sentence);
  };
  const counted = () => {
    input.required = required && !list.children.length;
  };
  const remove = (item) => {
    const other = item.nextElementSibling || item.previousElementSibling;
    item.stop?.();
    item.remove();
    counted();
    settle();
    tell("");
    said.textContent = message("file-removed", { name: item.querySelector("[data-name]").textContent });
    (other?.querySelector("[data-remove]") || input).focus();
  };
  const ready = (item) => {
    for (const plain of all(item, "[data-plain]")) plain.remove();
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
    name(item, file.name, message("upload-waiting", { size: sizeOf(file.size) }));
    item
      .querySelector("[data-progress]")
      .setAttribute("aria-label", message("upload-of", { name: file.name }));
    ready(item);
    list.append(item);
    const again = item.querySelector("[data-again]");
    again.addEventListener("click", () => {
      item.querySelector("[data-remove]").focus();
      upload(item, file);
    });
    upload(item, file);
  };
  // Sends a file of the list; after a failure it stays there, with a button that sends it once more.
  const upload = (item, file) => {
    const bar = item.querySelector("[data-progress]");
    const about = (text) => name(item, file.name, text);
    const failed = (sentence) => {
      show(item.querySelector("[data-again]"), sentence);
      item.again = sentence ? () => upload(item, file) : null;
      tell(sentence);
    };
    failed("");
    show(bar, true);
    const mine = send(file, box.dataset.upload, token, (now) => {
      bar.value = now.again ? 0 : (100 * now.sent) / now.total;
      about(progressOf(file, now));
    });
    item.stop = mine.stop;
    const done = mine.done
      .then((stored) => {
        item.querySelector("[data-id]").value = stored.id;
        name(item, stored.name, message("upload-done", { size: stored.size }));
        item.stop = null;
      })
      .catch((error) => {
        if (!item.isConnected) return;
        about(message("upload-failed", { size: sizeOf(file.size) }));
        failed(message("file-failed", { name: file.name, reason: error.message }));
      })
      .finally(() => {
        show(bar, false);
        waiting.delete(done);
        settle();
      });
    waiting.add(done);
    settle();
  };
  // What the form waits for, and what it sends again first.
  const settle = () => {
    const unsent = [...list.children].filter((item) => item.again);
    box.sending = Promise.all(waiting);
    box.again = unsent.length
      ? () => {
          for (const item of unsent) item.again();
        }
      : null;
  };
  const take = (files) => {
    const most = Number(box.dataset.most);
    const problems = [];
    for (const file of files) {
      const wrong =
        list.children.length >= most
          ? message("file-most", { most: box.dataset.mostText })
          : refusal(file, input, Number(box.dataset.max));
      if (wrong) problems.push(wrong);
      else add(file);
    }
    input.value = "";
    counted();
    tell([...new Set(problems)].join(" "));
  };

  box.classList.add("is-ready");
  show(box.querySelector("[data-ask]"), true);
  for (const item of list.children) ready(item);
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files);
  });
  followDrag(box, input);
}
