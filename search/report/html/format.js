// Numbers as people read them.
(() => {
  "use strict";

  const trimmed = (value, digits) => String(Number(value.toPrecision(digits)));

  /** 0.88571 -> "88.57 %" */
  report.percent = (share, digits = 2) => (typeof share === "number" ? (100 * share).toFixed(digits) + " %" : "–");

  /** 553000 -> "553 k" */
  report.count = (value) => {
    if (typeof value !== "number") return "–";
    for (const [limit, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]])
      if (Math.abs(value) >= limit) return trimmed(value / limit, 3) + unit;
    return trimmed(value, 4);
  };

  report.ratio = (value) => (typeof value === "number" ? trimmed(value, 3) : "–");

  report.duration = (seconds) => {
    if (typeof seconds !== "number") return "–";
    if (seconds < 10) return trimmed(seconds, 2) + " s";
    if (seconds < 60) return Math.round(seconds) + " s";
    const minutes = Math.round(seconds / 60);
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + String(Math.floor(seconds % 60)).padStart(2, "0") + " s";
    if (minutes < 2880) return Math.floor(minutes / 60) + " h " + String(minutes % 60).padStart(2, "0") + " min";
    return trimmed(seconds / 86400, 3) + " days";
  };

  /** A summary over seeds: "88.57 % [87.9, 89.2], n = 3". */
  report.summary = (summary) => {
    if (!summary) return "–";
    const interval = report.interval(summary);
    return report.percent(summary.mean) + (interval ? " [" + interval + "]" : "") + ", n = " + summary.n;
  };

  /** "87.93, 89.21", the 95 % interval in per cent, or "". */
  report.interval = (summary) => (summary && typeof summary.low === "number" ? (100 * summary.low).toFixed(2) + ", " + (100 * summary.high).toFixed(2) : "");

  report.milliseconds = (value) => (typeof value === "number" ? trimmed(value, 3) + " ms" : "–");

  /** The text of a column's axis. */
  report.costName = (measure) => ({ params: "parameters", macs: "multiply-accumulates (MACs)" }[measure] || measure + " (ms, median)");
  report.costText = (measure, value) => (measure === "params" || measure === "macs" ? report.count(value) : report.milliseconds(value));
  report.costOf = (net, measure) => (measure === "params" || measure === "macs" ? net[measure] : net.latency[measure]);
})();
