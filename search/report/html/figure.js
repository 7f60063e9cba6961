// A figure: a chart that is drawn as wide as its place, its legend, its table, and both to take away.
(() => {
  "use strict";

  const { el } = report;
  const printWidth = 660;
  const tip = el("div", { class: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);

  const place = (x, y) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, window.innerWidth - box.width - 4)) + "px";
    tip.style.top = Math.max(4, y + 14 + box.height > window.innerHeight ? y - box.height - 10 : y + 14) + "px";
  };

  /** Says `text(datum)` of the marks under the pointer or the focus. */
  report.tip = (marks, text) => marks.each(function(datum) {
    this.addEventListener("mousemove", (event) => {
      tip.textContent = text(datum);
      place(event.clientX, event.clientY);
    });
    this.addEventListener("focus", () => {
      const box = this.getBoundingClientRect();
      tip.textContent = text(datum);
      place(box.right, box.bottom);
    });
    for (const gone of ["mouseout", "blur"])
      this.addEventListener(gone, () => {
        tip.hidden = true;
      });
  });
  report.hideTip = () => {
    tip.hidden = true;
  };

  const fileName = (id, ending) => "nas-run-" + id + "." + ending;

  /** What is known of charts that are on the page: the function that draws each. */
  const drawn = new WeakMap();
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => {
    const draw = drawn.get(entry.target);
    if (draw) draw(Math.floor(entry.contentRect.width));
  }));

  /** Draws what is below `element` for paper. */
  report.drawForPrint = (element) => element.querySelectorAll(".plot").forEach((plot) => drawn.get(plot)(printWidth));
  report.drawForScreen = (element) => element.querySelectorAll(".plot").forEach((plot) => drawn.get(plot)(Math.floor(plot.clientWidth)));

  /**
   * {id, title, text, draw(svg, width), least (the width below which it scrolls), legend: [{name, mark}], columns, rows}. Where there is nothing
   * to draw, `empty` says why and how to get it.
   */
  report.figure = (options) => {
    const { id, title, text, draw, columns, rows, empty } = options;
    if (empty) return el("figure", { id: "figure-" + id, class: "empty" }, el("figcaption", {}, el("h3", {}, title), el("p", { class: "note" }, empty)));
    const svg = d3.create("svg").attr("role", "group").attr("aria-label", title);
    const plot = el("div", { class: "plot" }, svg.node());
    let last = 0;
    drawn.set(plot, (given) => {
      const width = Math.max(given, options.least || 0);
      if (given <= 0 || width === last) return;
      last = width;
      report.hideTip();
      svg.selectAll("*").remove();
      svg.attr("width", width);
      const height = draw(svg, width);
      svg.attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    });
    observer.observe(plot);
    const summary = el("summary", {}, `Table (${rows.length} row${rows.length === 1 ? "" : "s"})`);
    const details = el("details", {
      toggle: () => {
        if (details.open && !details.querySelector("table")) details.append(report.table(columns, rows, title));
      }
    },
      summary);
    const legend =
      options.legend && options.legend.length > 0 ? el("ul", { class: "legend" }, options.legend.map((item) => el("li", {}, item.mark, " ", item.name))) : null;
    return el("figure", { id: "figure-" + id }, el("figcaption", {}, el("h3", {}, title), text ? el("p", { class: "note" }, text) : null), legend, plot,
      el("div", { class: "actions" },
        el("button", { type: "button", class: "csv", click: () => report.save(fileName(id, "csv"), "text/csv;charset=utf-8", report.csv(columns, rows)) },
          "CSV"),
        el("button", { type: "button", class: "svg", click: () => report.save(fileName(id, "svg"), "image/svg+xml", report.svgText(svg.node())) }, "SVG")),
      details);
  };

  /** A figure of its own for a table alone. */
  report.tableFigure = ({ id, title, text, columns, rows, pageRows }) => el("figure", { id: "figure-" + id },
    el("figcaption", {}, el("h3", {}, title), text ? el("p", { class: "note" }, text) : null), report.table(columns, rows, title, pageRows),
    el("div", { class: "actions" },
      el("button", { type: "button", class: "csv", click: () => report.save(fileName(id, "csv"), "text/csv;charset=utf-8", report.csv(columns, rows)) },
        "CSV")));
})();
