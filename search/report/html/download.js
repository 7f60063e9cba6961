// What a chart gives away: its table as CSV, itself as an SVG file that carries its own colours.
(() => {
  "use strict";

  const styles = [
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-size", "font-weight", "text-anchor",
    "dominant-baseline"
  ];

  report.save = (name, type, text) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = report.el("a", { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };

  /** The chart's text, with what the style sheet gives its elements as attributes, on the page's ground. */
  report.svgText = (svg) => {
    const copy = svg.cloneNode(true);
    const from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
    from.forEach((element, i) => {
      const computed = getComputedStyle(element);
      for (const name of styles) {
        const value = computed.getPropertyValue(name);
        if (value) to[i].setAttribute(name, value);
      }
      for (const name of ["class", "tabindex", "href", "role", "style"]) to[i].removeAttribute(name);
    });
    copy.querySelectorAll(".hit").forEach((element) => element.remove());
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("font-family", "sans-serif");
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    ground.setAttribute("width", "100%");
    ground.setAttribute("height", "100%");
    ground.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
    copy.prepend(ground);
    return new XMLSerializer().serializeToString(copy);
  };
})();
