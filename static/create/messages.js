// The sentences of templates/create/_messages.html, with their gaps filled.

export function message(name, values = {}) {
  const { content } = document.getElementById("messages");
  const text = content.querySelector(`[data-message="${name}"]`).textContent;
  return text.replace(/\{(\w+)\}/g, (_, gap) => values[gap]);
}
