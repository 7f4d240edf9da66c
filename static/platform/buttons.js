// Buttons that copy a text or open a dialog, and menus that close by a click elsewhere or Escape.

const DONE_MS = 1200;

// Without this script, or where nothing can be copied, these buttons stay hidden.
export function showButtons() {
  for (const button of document.querySelectorAll("[data-copy][hidden], [data-opens][hidden]")) {
    if (!button.dataset.copy || navigator.clipboard) button.hidden = false;
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("is-done");
  setTimeout(() => button.classList.remove("is-done"), DONE_MS);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-opens]");
  if (button?.dataset.copy) copy(button);
  else if (button) document.getElementById(button.dataset.opens).showModal();
  closeMenus(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
});
