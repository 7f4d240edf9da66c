// Back from the preview of a bulk action: to the list as it was left, with what was selected.
document.querySelector("[data-back]")?.addEventListener("click", (event) => {
  if (document.referrer !== event.target.href) return;
  event.preventDefault();
  history.back();
});
