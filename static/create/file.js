// A file that is sent as soon as it is chosen or dropped; the form then holds its ID.
import { all, complain, show } from "./dom.js";
import { message } from "./messages.js";
import { send } from "./sending.js";
import { followDrag, progressOf, refusal, sizeOf } from "./upload.js";

export function watchFile(box) {
  const part = (name) => box.querySelector(`[data-${name}]`);
  const input = box.querySelector("input[type=file]");
  const token = box.closest("form").elements.csrf_token?.value || "";
  const required = input.required;
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
    input.required = required && !name;
  };
  const clear = () => {
    if (current) current.stop();
    current = null;
    chosen = null;
    box.dataset.unsent = "";
    box.again = null;
    show(part("again"), false);
    part("id").value = "";
    state("", "", false);
  };
  const take = async (files) => {
    const wrong = files.length > 1 ? message("file-one") : refusal(files[0], input, Number(box.dataset.max));
    box.dataset.unsent = wrong;
    if (wrong) {
      input.value = "";
      complain(input, wrong);
      return;
    }
    const [file] = files; // Before they are cleared.
    clear();
    chosen = file;
    upload();
  };
  // Sends the file that was chosen; after a failure it stays chosen, and `box.again` sends it once more.
  const upload = () => {
    const file = chosen;
    const size = sizeOf(file.size);
    const about = (text) => state(file.name, text, true);
    complain(input, "");
    show(part("again"), false);
    box.again = null;
    box.dataset.unsent = "";
    about(message("upload-waiting", { size }));
    const mine = send(file, box.dataset.upload, token, (now) => {
      if (current !== mine) return;
      part("progress").value = now.again ? 0 : (100 * now.sent) / now.total;
      about(progressOf(file, now));
    });
    current = mine;
    box.sending = mine.done
      .then((stored) => {
        if (current !== mine) return;
        part("id").value = stored.id;
        state(stored.name, message("upload-done", { size: stored.size }), false);
      })
      .catch((error) => {
        if (current !== mine) return;
        state(file.name, message("upload-failed", { size }), false);
        show(part("again"), true);
        box.again = upload;
        box.dataset.unsent = error.message;
        complain(input, error.message);
      });
  };

  box.classList.add("is-ready");
  show(part("ask"), true);
  show(part("remove"), part("id").value);
  for (const plain of all(box, "[data-plain]")) plain.remove();
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files);
  });
  part("again").addEventListener("click", () => {
    input.focus();
    upload();
  });
  part("remove").addEventListener("click", () => {
    clear();
    complain(input, "");
    input.focus();
  });
  followDrag(box, input);
}
