// Tables: sorted by a click on a column's head, a page at a time, and as CSV.
(() => {
  "use strict";

  const { el } = report;

  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };

  /** RFC 4180. A column is {name, value(row)}, perhaps with text(row), href(row), number. */
  report.csv = (columns, rows) => [columns.map((column) => quoted(column.name)), ...rows.map((row) => columns.map((column) => quoted(column.value(row))))]
                                    .map((cells) => cells.join(",") + "\r\n")
                                    .join("");

  const cell = (column, row) => {
    const value = column.value(row);
    const text = column.text ? column.text(row) : value === null || value === undefined ? "–" : value;
    const href = column.href && column.href(row);
    return el("td", { class: column.number ? "number" : null }, href ? el("a", { href }, text) : text);
  };

  const compare = (column, sign) => (one, other) => {
    const a = column.value(one), b = column.value(other);
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return sign * (a < b ? -1 : 1);
  };

  /** A scrolling element with the table, `pageRows` at a time. */
  report.table = (columns, rows, caption, pageRows = 50) => {
    let sorted = rows, by = -1, sign = 1, page = 0;
    const body = el("tbody"), heads = [], last = Math.ceil(rows.length / pageRows) - 1;
    const turn = (by, text) => el("button", {
      type: "button",
      click: () => {
        page += by;
        show();
      }
    },
      text);
    const previous = turn(-1, "Previous"), next = turn(1, "Next"), shown = el("span");
    const show = () => {
      body.replaceChildren(...sorted.slice(page * pageRows, (page + 1) * pageRows).map((row) => el("tr", {}, columns.map((column) => cell(column, row)))));
      shown.textContent = `rows ${page * pageRows + 1} to ${Math.min(rows.length, (page + 1) * pageRows)} of ${rows.length}`;
      const focused = document.activeElement;  // it is lost where its button is disabled
      previous.disabled = page === 0;
      next.disabled = page === last;
      if (focused === previous && previous.disabled) next.focus();
      if (focused === next && next.disabled) previous.focus();
    };
    const sort = (index) => {
      sign = by === index ? -sign : 1;
      by = index;
      page = 0;
      sorted = rows.slice().sort(compare(columns[index], sign));
      heads.forEach((head, i) => {
        if (i === index)
          head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        else
          head.removeAttribute("aria-sort");
      });
      show();
    };
    columns.forEach((column, i) => heads.push(
                      el("th", { scope: "col", class: column.number ? "number" : null }, el("button", { type: "button", click: () => sort(i) }, column.name))));
    show();
    return el("div", { class: "tablebox" },
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), body)),
      el("div", { class: "pager" }, last > 0 ? [previous, shown, next] : null));
  };
})();
