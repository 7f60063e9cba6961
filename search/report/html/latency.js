// How much faster the cut nets are, against what their multiply-accumulates promise.
(() => {
  "use strict";

  const { el } = report;
  const state = { task: null, measure: null };

  /** The uncut net that a net is compared with: its trial's base; for a baseline, the task's first base of the same seed and fold that it belongs to. */
  const baseOf = (data, net) => {
    if (report.roleOf(net) !== "baseline") return data.nets[net.trial.nets[0]];
    return data.nets.find((other) => report.roleOf(other) === "base" && other.trial && other.trial.task === net.trial.task
        && other.trial.seed === net.trial.seed && other.trial.fold === net.trial.fold && report.belongsTo(net.trial, other.trial.net));
  };

  const rowsOf = (data) =>
    data.latencies.filter((row) => "latency, " + row.measure === state.measure && row.net.trial && row.net.trial.task === state.task).map((row) => {
      const base = baseOf(data, row.net), before = base ? base.latency[state.measure] : undefined;
      return Object.assign({ base, fewer: base ? base.macs / row.net.macs : null, faster: before > 0 && row.p50 > 0 ? before / row.p50 : null }, row);
    });

  const isBaseline = (net) => report.roleOf(net) === "baseline";

  const chart = (data) => {
    const rows = rowsOf(data), points = rows.filter((row) => row.faster !== null && row.fewer > 0);
    const used = data.criteria.filter((name) => points.some((point) => point.net.trial.criterion === name));
    const names = Array.from(new Set(points.filter((point) => isBaseline(point.net)).map((point) => report.baselineName(point.net.trial))));
    const lookOf = (net) => (isBaseline(net) ? report.look(names.indexOf(report.baselineName(net.trial)) + 3) : report.lookOfNet(net));
    return report.figure({
      id: "latency",
      title: "Speed-up against the saving in MACs",
      rows,
      text:
        `Median ${
          state.measure.replace("latency, ",
            "of ")}. On the dashed line a net is as many times faster than its base as it has fewer multiply-accumulates; below it the saving is not all felt. `
        +
        "Hollow: baselines, against the base of the same seed.",
      empty: points.length === 0 ? "No net and its base were both timed this way yet." : null,
      legend: [
        ...used.map((name) => ({ name, mark: report.symbolMark(report.lookOf(name)) })), { name: "base", mark: report.symbolMark(report.look(-1)) },
        ...names.map((name, i) => ({ name, mark: report.symbolMark(report.look(i + 3), true) }))
      ],
      columns: [
        { name: "net", value: (row) => row.net.label, href: (row) => "#net/" + row.net.index },
        { name: "base", value: (row) => (row.base ? row.base.label : null) },
        { name: "p50_ms", value: (row) => row.p50, number: true },
        { name: "p95_ms", value: (row) => row.p95, number: true },
        { name: "runs", value: (row) => row.runs, number: true },
        { name: "speed_up", value: (row) => row.faster, text: (row) => report.ratio(row.faster), number: true },
        { name: "macs_saved", value: (row) => row.fewer, text: (row) => report.ratio(row.fewer), number: true },
        { name: "file_bytes", value: (row) => row.file, text: (row) => report.count(row.file), number: true },
        { name: "peak_activation_bytes", value: (row) => row.peak, text: (row) => report.count(row.peak), number: true },
      ],
      draw: (svg, width) => {
        const height = Math.round(Math.max(320, Math.min(520, width * 0.5)));
        const x = d3.scaleLog(report.logExtent(points.map((point) => point.fewer)), [52, width - 16]);
        const y = d3.scaleLog(report.logExtent(points.map((point) => point.faster)), [height - 44, 24]);
        const times = (value) => Number(value.toPrecision(2)) + "×";
        const plot = report.axes(svg, {
          x,
          y,
          left: 52,
          top: 24,
          right: 16,
          bottom: 44,
          width,
          height,
          xName: "times fewer MACs than the base",
          yName: "times faster",
          xFormat: times,
          yFormat: times
        });
        plot.attr("clip-path", report.clip(svg, 46, 18, width - 56, height - 56));
        const [low, high] = x.domain();
        plot.append("line")
          .attr("class", "promise")
          .attr("x1", x(low))
          .attr("y1", y(low))
          .attr("x2", x(high))
          .attr("y2", y(high))
          .attr("stroke", "var(--soft)")
          .attr("stroke-dasharray", "5 4");
        const links =
          plot.selectAll(null)
            .data(points)
            .enter()
            .append("a")
            .attr("href", (point) => "#net/" + point.net.index)
            .attr("aria-label", (point) => `${point.net.label}: ${report.ratio(point.faster)} times faster with ${report.ratio(point.fewer)} times fewer MACs`);
        links.append("path")
          .attr("class", "mark timed")
          .attr("d", (point) => report.symbolPath(lookOf(point.net), 60))
          .attr("transform", (point) => `translate(${x(point.fewer)},${y(point.faster)})`)
          .attr("fill", (point) => (isBaseline(point.net) ? "var(--ground)" : lookOf(point.net).color))
          .attr("stroke", (point) => lookOf(point.net).color);
        report.tip(links,
          (point) => `${point.net.label}\n${report.milliseconds(point.p50)} (base ${report.milliseconds(point.base.latency[state.measure])}): ${
                       report.ratio(point.faster)} times faster\n`
            +
            `${report.ratio(point.fewer)} times fewer MACs`);
        return height;
      },
    });
  };

  report.latency = (data) => {
    if (data.measures.length === 0)
      return [report.figure({
        id: "latency",
        title: "Speed-up against the saving in MACs",
        empty: "Latency was not measured. In the experiment, evaluate: {latency: {batch: [1, 64]}} asks for it."
      })];
    if (!data.measures.includes(state.measure)) [state.measure] = data.measures;
    if (!data.taskNames.includes(state.task)) [state.task] = data.taskNames;
    const place = el("div"), show = () => place.replaceChildren(chart(data));
    const set = (key) => (value) => {
      state[key] = value;
      show();
    };
    show();
    return [
      el("div", { class: "controls" },
        data.taskNames.length > 1 ? report.select("Task", data.taskNames.map((task) => [task, task]), state.task, set("task")) : null,
        data.measures.length > 1 ?
          report.select("Timed", data.measures.map((measure) => [measure, measure.replace("latency, ", "")]), state.measure, set("measure")) :
          null),
      place
    ];
  };
})();
