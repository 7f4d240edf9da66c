// What every page does beyond HTML and htmx; theme.js, which must not wait, stands beside it.
import "./keys.js";
import "./live.js";

// A search leaves out of its address what is empty.
document.addEventListener("submit", (event) => {
  if (!("dropsEmpty" in event.target.dataset)) return;
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
});
