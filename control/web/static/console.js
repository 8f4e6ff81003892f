// Comfort only: every page works without it.

for (const field of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  const label = document.querySelector(`label[for="${field.id}"]`)?.textContent.trim() ?? "";
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${label}`);
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
  if (navigator.clipboard) field.after(button);
  field.addEventListener("focus", () => field.select());
}

for (const choice of document.querySelectorAll("form.narrow select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
