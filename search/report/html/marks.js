// How series differ: Okabe and Ito's colours, which colour-blind readers tell apart, and with each a shape and a dash.
(() => {
  "use strict";

  const symbols = [d3.symbolCircle, d3.symbolSquare, d3.symbolTriangle, d3.symbolDiamond, d3.symbolCross, d3.symbolWye, d3.symbolStar];
  const dashes = [null, "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2"];

  /** The look of series `index`; below 0 that of what is no series. */
  report.look = (index) => (index < 0 ? { color: "var(--ink)", symbol: d3.symbolStar, dash: null } : {
    color: `var(--c${index % 8})`,
    symbol: symbols[index % symbols.length],
    dash: dashes[index % dashes.length],
  });

  /** The look of a criterion, the same in all charts. */
  report.lookOf = (criterion) => report.look(report.data.criteria.indexOf(criterion));

  report.symbolPath = (look, size) => d3.symbol().type(look.symbol).size(size)();

  const sample = (draw) => {
    const svg = d3.create("svg").attr("width", 30).attr("height", 14).attr("aria-hidden", "true").attr("class", "sample");
    draw(svg);
    return svg.node();
  };

  report.lineMark = (look) => sample((svg) => {
    svg.append("line")
      .attr("x1", 0)
      .attr("x2", 30)
      .attr("y1", 7)
      .attr("y2", 7)
      .attr("stroke", look.color)
      .attr("stroke-width", 2)
      .attr("stroke-dasharray", look.dash);
    svg.append("path").attr("d", report.symbolPath(look, 45)).attr("transform", "translate(15,7)").attr("fill", look.color);
  });

  report.symbolMark = (look, hollow) => sample((svg) => svg.append("path")
                                                          .attr("d", report.symbolPath(look, 70))
                                                          .attr("transform", "translate(15,7)")
                                                          .attr("fill", hollow ? "none" : look.color)
                                                          .attr("stroke", look.color)
                                                          .attr("stroke-width", 1.5));

  report.blockMark = (fill, stroke) =>
    sample((svg) => svg.append("rect").attr("x", 5).attr("y", 1).attr("width", 20).attr("height", 12).attr("fill", fill).attr("stroke", stroke || "none"));

  /** Round numbers within a logarithmic scale, about `count`. */
  const logTicks = (scale, count) => {
    const [low, high] = scale.domain(), decades = Math.log10(high / low);
    const leading = [d3.range(1, 10), [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].find((digits) => digits.length * decades <= count) || [1];
    return d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1)
      .flatMap((power) => leading.map((digit) => Number((digit * 10 ** power).toPrecision(2))))
      .filter((value) => value >= low && value <= high);
  };

  /** An axis with about `count` ticks. */
  report.ticked = (axis, count, format) => {
    if (axis.scale().base)
      axis.tickValues(logTicks(axis.scale(), count));
    else
      axis.ticks(count);
    return (format ? axis.tickFormat(format) : axis).tickSizeOuter(0);
  };

  /** Axes with names and a grid. Returns the group that marks go into, clipped to the plot where `clip` holds. */
  report.axes = (svg, { x, y, left, top, right, bottom, width, height, xName, yName, xTicks, xFormat, yFormat, yTicks }) => {
    const across = width - left - right, down = height - top - bottom;
    const horizontal = report.ticked(d3.axisBottom(x), xTicks || Math.max(3, Math.floor(across / 90)), xFormat);
    const vertical = report.ticked(d3.axisLeft(y), yTicks || Math.max(3, Math.floor(down / 45)), yFormat);
    svg.append("g")
      .attr("class", "grid")
      .attr("transform", `translate(${left},0)`)
      .call(d3.axisLeft(y).ticks(yTicks || Math.max(3, Math.floor(down / 45))).tickSize(-across).tickFormat(""))
      .call((g) => g.select(".domain").remove());
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - bottom})`).call(horizontal);
    svg.append("g").attr("class", "axis").attr("transform", `translate(${left},0)`).call(vertical);
    svg.append("text").attr("class", "axisname").attr("x", left + across / 2).attr("y", height - 6).attr("text-anchor", "middle").text(xName);
    svg.append("text").attr("class", "axisname").attr("x", 2).attr("y", 12).text(yName);
    return svg.append("g");
  };

  let clips = 0;
  /** A clip path of the plot's rectangle; returns what `clip-path` is to be. */
  report.clip = (svg, x, y, width, height) => {
    const id = "clip" + ++clips;
    svg.append("clipPath").attr("id", id).append("rect").attr("x", x).attr("y", y).attr("width", Math.max(0, width)).attr("height", Math.max(0, height));
    return `url(#${id})`;
  };

  /** The extent of numbers with some room, within [0, 1] where `share` holds. */
  report.extent = (values, share) => {
    const [low, high] = d3.extent(values.filter((value) => typeof value === "number" && isFinite(value)));
    if (low === undefined) return [0, 1];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
    return share ? [Math.max(0, low - room), Math.min(1, high + room)] : [low - room, high + room];
  };

  /** For an axis of costs that spans powers of ten: a little room at both ends. */
  report.logExtent = (values) => {
    const [low, high] = d3.extent(values.filter((value) => value > 0));
    return low === undefined ? [1, 10] : [low / 1.15, high * 1.15];
  };

  report.inPercent = (share) => String(Number((100 * share).toFixed(2)));
})();

/** Ends a text that is wider than `width` with an ellipsis. */
report.shorten = (text, width) => {
  "use strict";
  const node = text.node(), whole = node.textContent, letters = Math.floor(width / 6.6);
  if (whole.length <= letters) return;
  node.textContent = whole.slice(0, Math.max(1, letters - 1)) + "…";
  text.append("title").text(whole);
};
