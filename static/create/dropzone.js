// A zone for one file or for several: each is sent as soon as it is chosen or dropped, and the form then holds its ID.
// The zone for one is itself what shows the file; the other has a list of items.
import { all, complain, message, show } from "./dom.js";
import { send } from "./sending.js";
import { followDrag, progressOf, refusal, sizeOf } from "./upload.js";

const part = (item, name) => item.querySelector(`[data-${name}]`);

export function watch(box) {
  const input = box.querySelector("input[type=file]");
  const list = part(box, "list");
  const items = () => (list ? [...list.children] : [box]);
  const token = box.closest("form").elements.csrf_token?.value || "";
  const required = input.required;
  const limit = Number(box.dataset.max);
  const waiting = new Set();

  const tell = (sentence) => {
    box.dataset.unsent = sentence;
    complain(input, sentence);
  };
  const counted = () => {
    const has = list ? list.children.length : part(box, "name").textContent;
    input.required = required && !has;
    if (list) return;
    for (const name of ["now", "remove"]) show(part(box, name), has);
    box.classList.toggle("has-file", Boolean(has));
  };
  const name = (item, text, about) => {
    for (const place of all(item, "[data-name], [data-whose]")) place.textContent = text;
    part(item, "size").textContent = about;
    counted();
  };
  // What the form waits for, and what it sends again first.
  const settle = () => {
    const unsent = items().filter((item) => item.retry);
    box.sending = Promise.all(waiting);
    box.again = unsent.length ? () => unsent.map((item) => item.retry()) : null;
  };
  const forget = (item) => {
    item.mine?.stop();
    item.mine = item.retry = null;
    if (list) item.remove();
    else {
      part(box, "id").value = "";
      for (const each of ["again", "progress"]) show(part(box, each), false);
      name(box, "", "");
    }
    counted();
    settle();
    tell("");
  };
  const remove = (item) => {
    const text = part(item, "name").textContent;
    const other = list && (item.nextElementSibling || item.previousElementSibling);
    forget(item);
    if (list) part(box, "said").textContent = message("file-removed", { name: text });
    (other ? part(other, "remove") : input).focus();
  };
  const ready = (item) => {
    for (const plain of all(item, "[data-plain]")) plain.remove();
    show(part(item, "remove"), list || part(item, "id").value);
    part(item, "remove").addEventListener("click", () => remove(item));
    part(item, "again").addEventListener("click", () => {
      (list ? part(item, "remove") : input).focus();
      item.retry();
    });
  };
  // Sends a file; after a failure it stays there, with a button that sends it once more.
  const upload = (item, file) => {
    const size = sizeOf(file.size);
    const bar = part(item, "progress");
    const failed = (sentence) => {
      show(part(item, "again"), sentence);
      item.retry = sentence ? () => upload(item, file) : null;
      tell(sentence);
    };
    failed("");
    show(bar, true);
    name(item, file.name, message("upload-waiting", { size }));
    const mine = send(file, box.dataset.upload, token, (now) => {
      if (item.mine !== mine) return;
      bar.value = now.again ? 0 : (100 * now.sent) / now.total;
      name(item, file.name, progressOf(file, now));
    });
    item.mine = mine;
    const ended = (then) => (came) => {
      if (item.mine !== mine) return;
      show(bar, false);
      then(came);
    };
    const stored = ended((found) => {
      part(item, "id").value = found.id;
      name(item, found.name, message("upload-done", { size: found.size }));
    });
    const refused = ended((error) => {
      name(item, file.name, message("upload-failed", { size }));
      failed(list ? message("file-failed", { name: file.name, reason: error.message }) : error.message);
    });
    const done = mine.done.then(stored, refused).finally(() => {
      waiting.delete(done);
      settle();
    });
    waiting.add(done);
    settle();
  };
  const add = (file) => {
    const item = part(box, "item").content.firstElementChild.cloneNode(true);
    part(item, "progress").setAttribute("aria-label", message("upload-of", { name: file.name }));
    ready(item);
    list.append(item);
    upload(item, file);
  };
  const takeOne = ([file, ...more]) => {
    const wrong = more.length ? message("file-one") : refusal(file, input, limit);
    tell(wrong);
    if (wrong) return;
    forget(box);
    upload(box, file);
  };
  const takeSeveral = (files) => {
    const problems = new Set();
    for (const file of files) {
      const full = list.children.length >= Number(box.dataset.most);
      const wrong = full ? message("file-most", { most: box.dataset.mostText }) : refusal(file, input, limit);
      if (wrong) problems.add(wrong);
      else add(file);
    }
    tell([...problems].join(" "));
  };

  box.classList.add("is-ready");
  show(part(box, "ask"), true);
  for (const item of items()) ready(item);
  input.addEventListener("change", () => {
    if (!input.files.length) return;
    (list ? takeSeveral : takeOne)([...input.files]);
    input.value = "";
  });
  followDrag(box, input);
}
