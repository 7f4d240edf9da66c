// Inputs of a form that can do more with a script; every one of them works without it.
//  - a moment begins with the zone of this device, and zones are offered by name
//  - JSON is checked while one types
"use strict";

(() => {
  const PAUSE_MS = 400;

  // Time zones

  function zones(form) {
    const inputs = form.querySelectorAll("[data-zone]");
    if (!inputs.length) return;
    const names = Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [];
    const list = document.createElement("datalist");
    list.id = "zones";
    ["UTC", ...names].forEach((name) => list.append(new Option(name, name)));
    form.append(list);
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    inputs.forEach((input) => { if (input.dataset.zone === "own" && here) input.value = here; });
  }

  // JSON while one types

  function place(text, error) {
    const given = /line (\d+) column (\d+)/.exec(error.message);
    if (given) return `line ${given[1]}, column ${given[2]}`;
    const position = /position (\d+)/.exec(error.message);
    const before = (position ? text.slice(0, Number(position[1])) : text).split("\n");
    return `line ${before.length}, column ${before.at(-1).length + 1}`;
  }

  function problem(text) {
    if (!text.trim()) return "";
    try {
      JSON.parse(text);
      return "";
    } catch (error) {
      return `This is not JSON yet: look at ${place(text, error)}.`;
    }
  }

  function checked(area) {
    let waiting = 0;
    const say = () => {
      const detail = problem(area.value);
      area.dispatchEvent(new CustomEvent("complaint", { bubbles: true, detail }));
    };
    area.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(say, PAUSE_MS); });
    area.addEventListener("blur", () => { if (area.value !== area.defaultValue) { clearTimeout(waiting); say(); } });
  }

  // `drawn` comes from create.js, whenever a form is there, or is there again.
  document.addEventListener("drawn", (event) => {
    zones(event.target);
    event.target.querySelectorAll("[data-json]").forEach(checked);
  });
})();
