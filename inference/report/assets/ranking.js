"use strict";
// The ranking is sorted by its headings: best first, then the other way round. Rows without a
// value come after those with one, and those that failed come last.

function compare(column, direction) {
  const text = new Intl.Collator(undefined, { numeric: true });
  const value = (row) => {
    const cell = row.cells[column];
    if (!cell?.classList.contains("value")) return null;
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  };
  const name = (row) => row.cells[column]?.querySelector("bdi")?.textContent ?? "";
  return (one, other) => {
    const failed = one.classList.contains("failed") - other.classList.contains("failed");
    if (failed) return failed;
    if (one.cells[column]?.classList.contains("label")) return direction * text.compare(name(one), name(other));
    const [a, b] = [value(one), value(other)];
    return a === null || b === null ? (a === null) - (b === null) : direction * (a - b);
  };
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    button.addEventListener("click", () => {
      const opposite = { ascending: "descending", descending: "ascending" };
      const order = opposite[heading.getAttribute("aria-sort")] ?? button.dataset.first;
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", order);
      body.append(...[...body.rows].sort(compare(column, order === "ascending" ? 1 : -1)));
    });
  });
}
