// Small helpers of the form's scripts.

export const all = (scope, selector) => [...scope.querySelectorAll(selector)];

export const show = (element, shown) => {
  if (element) element.hidden = !shown;
};

// Shows a sentence beside a field; an empty one takes it away.
export function complain(field, sentence) {
  const note = document.getElementById(`${field.id}-error`);
  note.textContent = sentence;
  show(note, sentence);
  field.closest(".field").classList.toggle("has-error", Boolean(sentence));
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

// A sentence of templates/create/_messages.html, with its gaps filled.
export function message(name, values = {}) {
  const { content } = document.getElementById("messages");
  const text = content.querySelector(`[data-message="${name}"]`).textContent;
  return text.replace(/\{(\w+)\}/g, (_, gap) => values[gap]);
}
