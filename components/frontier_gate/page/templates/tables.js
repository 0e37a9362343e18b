// Tables are sorted by any column: figures from the greatest, words from A, what is missing last.
all(document, "table.sortable").forEach(table => all(table, "thead th").forEach((head, column) => {
  const button = make("button", "", { type: "button" });
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const before = head.getAttribute("aria-sort"), body = table.tBodies[0];
    const rows = [...body.rows].map(row => {
      const cell = row.cells[column];
      const text = (cell.dataset.value ?? (cell.firstChild?.textContent || "")).trim();
      const figure = text === "" || text === "none" ? NaN : Number(text.replace(/[%,]/g, ""));
      return { row, figure, text };
    });
    const words = rows.every(one => isNaN(one.figure));
    const up = before ? before === "descending" : words, way = up ? 1 : -1;
    all(table, "th[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    rows.sort((a, b) => words ? way * a.text.localeCompare(b.text, undefined, { numeric: true })
      : isNaN(a.figure) - isNaN(b.figure) || way * (a.figure - b.figure) || 0);
    body.append(...rows.map(one => one.row));
  });
}));
// On paper nothing can be opened.
addEventListener("beforeprint", () => all(document, "section.device details").forEach(one => { one.open = true; }));
