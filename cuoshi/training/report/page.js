// A click on a header sorts its table: numbers by their first figure, a dash last, words by their language.
const order = new Intl.Collator(document.documentElement.lang);
const number = (text) => { const found = text.replace(/,/g, "").match(/^-?\d+(\.\d+)?/); return found ? +found[0] : null; };
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, table = head.closest("table"), body = table.tBodies[0];
    const column = head.cellIndex, figures = head.classList.contains("number");
    const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : !figures;
    const key = (row) => row.cells[column].textContent.trim();
    const compare = (one, other) => {
      if (!figures) return order.compare(key(one), key(other)) * (up ? 1 : -1);
      const a = number(key(one)), b = number(key(other));
      if (a === null || b === null) return (a === null) - (b === null);
      return (a - b) * (up ? 1 : -1);
    };
    body.append(...[...body.rows].sort(compare));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  });
}
