// What the zones for one file and for several share: which files fit, and how far a file is.
import { message } from "./dom.js";

const UNITS = ["bytes", "KB", "MB", "GB"];
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

// Bytes in units of 1,024, as the server writes them.
export function sizeOf(bytes) {
  let amount = bytes;
  let at = 0;
  while (amount >= 1024 && at < UNITS.length - 1) {
    amount /= 1024;
    at += 1;
  }
  return `${(at && amount < 10 ? tenths : whole).format(amount)} ${UNITS[at]}`;
}

function fits(file, input) {
  const kinds = (input.accept || "").toLowerCase().split(",").filter(Boolean);
  return (
    !kinds.length ||
    kinds.some((kind) => {
      if (kind.startsWith(".")) return file.name.toLowerCase().endsWith(kind);
      return kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind;
    })
  );
}

export function refusal(file, input, limit) {
  const { name } = file;
  if (file.size > limit)
    return message("file-large", { name, size: sizeOf(file.size), limit: sizeOf(limit) });
  return fits(file, input) ? "" : message("file-kind", { name, accepted: input.accept });
}

const timeLeft = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

// What stands behind the file's name while it is sent; `now` comes from sending.js.
export function progressOf(file, now) {
  const size = sizeOf(file.size);
  if (now.again) return message("upload-again", { size, reason: now.why, seconds: now.again });
  const values = { size, percent: whole.format(Math.floor(now.total ? (100 * now.sent) / now.total : 100)) };
  if (!now.rate) return message("upload-began", values);
  return message("upload-going", { ...values, rate: sizeOf(now.rate), left: timeLeft(now.left) });
}

export function followDrag(box, input) {
  for (const name of ["dragenter", "dragover", "dragleave", "drop"])
    input.addEventListener(name, () => box.classList.toggle("is-over", /enter|over/.test(name)));
}
