// The theme. A classic script that blocks, as a module would run after the first paint.
{
  const system = matchMedia("(prefers-color-scheme: dark)");
  const paper = matchMedia("print"); // is light, whatever the screen is
  const root = document.documentElement;

  const chosen = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // private mode
    }
  };

  const apply = () => {
    const dark = chosen() === "dark" || (chosen() !== "light" && system.matches);
    root.setAttribute("data-bs-theme", dark && !paper.matches ? "dark" : "light");
  };

  apply();
  system.addEventListener("change", apply);
  paper.addEventListener("change", apply);
  addEventListener("beforeprint", () => root.setAttribute("data-bs-theme", "light"));
  addEventListener("afterprint", apply);
  document.addEventListener("DOMContentLoaded", () => {
    for (const radio of document.querySelectorAll("input[name=theme]")) {
      radio.checked = radio.value === (chosen() || "auto");
    }
  });
  document.addEventListener("change", ({ target }) => {
    if (target.name !== "theme") return;
    try {
      localStorage.setItem("theme", target.value);
    } catch {
      // private mode
    }
    apply();
  });
}
