"use strict";
// What the page does once it is read.

for (const table of document.querySelectorAll("#ranking table")) makeSortable(table);

const figures = JSON.parse(document.getElementById("figures").textContent);
for (const [id, section] of Object.entries(figures)) fillSection(document.getElementById(id), section);

document.getElementById("theme").addEventListener("change", (event) => {
  document.documentElement.dataset.theme = event.target.value;
});

for (const button of document.querySelectorAll("button.copy")) {
  const code = document.getElementById(button.getAttribute("aria-describedby"));
  button.addEventListener("click", () => {
    // Of the two ways to copy, the one that browsers allow a file on disk without asking.
    getSelection().selectAllChildren(code);
    button.textContent = document.execCommand("copy") ? "copied" : "selected";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
}
