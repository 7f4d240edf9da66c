// Inputs of a form that can do more with a script; every one of them works without it.
//  - a moment begins with the zone of this device, and zones are offered by name
//  - JSON is checked while one types
import { complain, message } from "./dom.js";

const PAUSE_MS = 400;

// Time zones

function zones(scope) {
  const inputs = scope.querySelectorAll("[data-zone]");
  if (!inputs.length) return;
  const names = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
  const list = document.getElementById("zones") || document.createElement("datalist");
  list.id = "zones";
  list.replaceChildren(...["UTC", ...names].map((name) => new Option(name, name)));
  scope.closest("form").append(list);
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const input of inputs) if (input.dataset.zone === "own" && here) input.value = here;
}

// JSON while one types

const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids these in strings.
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;
const SPACE = /[ \t\n\r]*/y;

// Where a text stops being the beginning of JSON, or -1 where it is whole: browsers do not all say it.
function wrongAt(text) {
  const open = [];
  let at = 0;
  let next = "value";
  const after = () => {
    next = open.length ? "more" : "end";
  };
  while (next !== "end") {
    TOKEN.lastIndex = at;
    const [whole, sign, string] = TOKEN.exec(text) || [];
    SPACE.lastIndex = at;
    const begins = at + SPACE.exec(text)[0].length;
    const value = next === "value" || next === "first";
    if (whole === undefined) return begins;
    if (value && (sign === "{" || sign === "[")) {
      open.push(sign);
      next = sign === "{" ? "names" : "first";
    } else if (sign === "]" && open.at(-1) === "[" && (next === "first" || next === "more")) {
      open.pop();
      after();
    } else if (sign === "}" && open.at(-1) === "{" && (next === "names" || next === "more")) {
      open.pop();
      after();
    } else if (sign === "," && next === "more") next = open.at(-1) === "{" ? "name" : "value";
    else if (sign === ":" && next === "colon") next = "value";
    else if (string !== undefined && (next === "name" || next === "names")) next = "colon";
    else if (sign === undefined && value) after();
    else return begins;
    at = TOKEN.lastIndex;
  }
  const rest = text.slice(at).search(/[^ \t\n\r]/);
  return rest < 0 ? -1 : at + rest;
}

function problem(text) {
  const at = text.trim() ? wrongAt(text) : -1;
  if (at < 0) return "";
  const before = text.slice(0, at).split("\n");
  const values = { line: before.length, column: before.at(-1).length + 1 };
  return message(at === text.length ? "json-early" : "json-wrong", values);
}

function checked(area) {
  let waiting = 0;
  const say = () => complain(area, problem(area.value));
  area.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(say, PAUSE_MS);
  });
  area.addEventListener("blur", () => {
    if (area.value !== area.defaultValue) {
      clearTimeout(waiting);
      say();
    }
  });
}

// For a form, whenever it is there or is there again, and for a new row.
export function enrich(scope) {
  zones(scope);
  for (const area of scope.querySelectorAll("[data-json]")) checked(area);
}
