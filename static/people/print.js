// The button that prints a page. Without this script it stays hidden, and the browser's menu does the same.
for (const button of document.querySelectorAll("[data-prints]"))
  Object.assign(button, { hidden: false, onclick: () => window.print() });
