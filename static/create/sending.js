// One file on its way to the server: its progress, and again by itself after a failure that may pass.
// dropzone.js shows it. The file is the body of its request, so nothing of it is held in memory here or written to a disk there.
import { message } from "./dom.js";

const WAITS_S = [1, 3, 9];
const STALLED_MS = 60_000;
const MAY_PASS = new Set([0, 408, 429, 502, 503, 504]);

class Failure extends Error {
  constructor(sentence, mayPass) {
    super(sentence);
    this.mayPass = mayPass;
  }
}

const why = (request) =>
  new Failure(
    request.response?.detail || (request.status ? message("upload-refused") : message("upload-no-answer")),
    MAY_PASS.has(request.status),
  );

// One request. `mine.stop` is set while it runs.
function once(file, url, token, mine, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let stalled = 0;
    const alive = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.open("POST", `${url}?${new URLSearchParams({ name: file.name, type: file.type })}`);
    request.setRequestHeader("X-CSRFToken", token);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      alive();
      onProgress(event.loaded, event.total);
    };
    request.onload = () => (request.status === 201 ? resolve(request.response) : reject(why(request)));
    request.onerror = request.onabort = () => reject(new Failure(message("upload-no-answer"), true));
    request.onloadend = () => clearTimeout(stalled);
    mine.stop = () => request.abort();
    alive();
    request.send(file);
  });
}

// Calls `tell` with { sent, total, rate, left } while bytes go up; rate in bytes a second, left in seconds.
function meter(tell) {
  const began = performance.now();
  return (sent, total) => {
    const seconds = (performance.now() - began) / 1000;
    const rate = seconds > 0.5 ? sent / seconds : 0;
    tell({ sent, total, rate, left: rate ? (total - sent) / rate : 0 });
  };
}

const pause = (seconds, mine) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    mine.stop = () => {
      clearTimeout(timer);
      resolve();
    };
  });

const readable = (file) =>
  file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );

async function persist(file, url, token, mine, tell) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(file, url, token, mine, meter(tell));
    } catch (failure) {
      if (mine.stopped) throw failure;
      if (!(await readable(file))) throw new Failure(message("file-changed"), false);
      if (!failure.mayPass || attempt === WAITS_S.length) throw failure;
      tell({ again: WAITS_S[attempt], why: failure.message });
      await pause(WAITS_S[attempt], mine);
      if (mine.stopped) throw failure;
    }
  }
}

// Returns { done, stop }: `done` is what the server says of the stored file, or fails with a sentence.
export function send(file, url, token, tell) {
  const mine = { stopped: false, stop: () => {} };
  return {
    done: persist(file, url, token, mine, tell),
    stop: () => {
      mine.stopped = true;
      mine.stop();
    },
  };
}
