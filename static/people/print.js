// The button that prints a page. Without this script it stays hidden, and the browser's menu does the same.
for (const button of document.querySelectorAll("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
