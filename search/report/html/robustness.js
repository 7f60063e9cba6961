// Accuracy under noise and attacks, a panel a perturbation, a line a net.
(() => {
  "use strict";

  const { el } = report;
  const state = { task: null };

  const panelName = ({ kind, name, source }) => `${name} (${kind}${source && source !== "self" ? ", made on " + source : ""})`;

  /** By growing level, the unchanged image among them where it has a level and was not measured there. */
  const pointsOf = (data, curve) => {
    const at = data.robustness.perturbations[curve.perturbation].unchanged;
    const points = curve.levels.slice();
    if (at !== null && !points.some((point) => point.level === at)) points.push({ level: at, accuracy: curve.clean });
    return points.sort((one, other) => one.level - other.level);
  };

  /** The curves of the task's bases, last cuts and baselines; a base stands once. */
  const curvesOf = (data) => {
    const seen = new Set();
    return data.robustness.curves
      .map((curve) => Object.assign({ of: data.groups[curve.group], name: report.groupName(data.groups[curve.group], curve.step) }, curve))
      .filter((curve) => {
        const key = curve.name + "/" + curve.of.width + "/" + curve.perturbation, lastStep = curve.step === 0 || curve.step === curve.of.steps.length - 1;
        if (curve.of.task !== state.task || !lastStep || seen.has(key)) return false;
        seen.add(key);
        return true;
      });
  };

  const chart = (data) => {
    const curves = curvesOf(data), names = Array.from(new Set(curves.map((curve) => curve.name)));
    const panels = Array.from(new Set(curves.map((curve) => curve.perturbation)));
    const look = (name) => {
      const base = curves.find((curve) => curve.name === name);
      return base.of.role === "pruned" && base.step === 0 ? report.look(-1) : report.look(names.indexOf(name));
    };
    const rows = curves.flatMap((curve) => pointsOf(data, curve).map((point) => ({ curve, level: point.level, summary: point.accuracy })));
    return report.figure({
      id: "robustness",
      title: "Test accuracy (%) under perturbations",
      rows,
      text:
        "A panel a perturbation. The unchanged image is at 0; of contrast at 1, of jpeg (its quality) at 100; of poisson (photons, fewer are noisier) nowhere. "
        +
        "Means over seeds, bands are 95 % intervals of the mean; one seed has none.",
      legend: names.map((name) => ({ name, mark: report.lineMark(look(name)) })),
      columns: [
        { name: "perturbation", value: (row) => panelName(data.robustness.perturbations[row.curve.perturbation]) },
        { name: "net", value: (row) => row.curve.name },
        { name: "level", value: (row) => row.level, number: true },
        { name: "seeds", value: (row) => row.summary.n, number: true },
        { name: "accuracy_test", value: (row) => row.summary.mean, text: (row) => report.percent(row.summary.mean), number: true },
        { name: "low", value: (row) => row.summary.low, text: (row) => report.percent(row.summary.low), number: true },
        { name: "high", value: (row) => row.summary.high, text: (row) => report.percent(row.summary.high), number: true },
      ],
      draw: (svg, width) => {
        const across = Math.max(1, Math.min(panels.length, Math.floor(width / 300))), panelWidth = Math.floor(width / across), panelHeight = 270;
        const y = d3.scaleLinear(report.extent([0, ...rows.map((row) => row.summary.mean)], true), [panelHeight - 42, 26]);
        panels.forEach((panel, i) => {
          const own = curves.filter((curve) => curve.perturbation === panel);
          const g = svg.append("g").attr("transform", `translate(${(i % across) * panelWidth},${Math.floor(i / across) * panelHeight})`);
          const levels = d3.extent(own.flatMap((curve) => pointsOf(data, curve).map((point) => point.level)));
          const x = d3.scaleLinear(levels[0] < levels[1] ? levels : [levels[0] - 1, levels[0] + 1], [46, panelWidth - 14]);
          const plot = report.axes(g, {
            x,
            y,
            left: 46,
            top: 26,
            right: 14,
            bottom: 42,
            width: panelWidth,
            height: panelHeight,
            xName: "level",
            yName: "",
            yFormat: report.inPercent,
            xTicks: Math.max(2, Math.floor(panelWidth / 90))
          });
          report.shorten(
            g.append("text").attr("class", "strong").attr("x", 46).attr("y", 16).text(panelName(data.robustness.perturbations[panel])), panelWidth - 56);
          plot.attr("clip-path", report.clip(g, 40, 20, panelWidth - 46, panelHeight - 56));
          own.forEach((curve) => {
            const points = pointsOf(data, curve), style = look(curve.name);
            const banded = points.filter((point) => typeof point.accuracy.low === "number");
            plot.append("path")
              .attr("class", "band")
              .attr("fill", style.color)
              .attr("fill-opacity", 0.06)
              .attr("d", d3.area().x((point) => x(point.level)).y0((point) => y(point.accuracy.low)).y1((point) => y(point.accuracy.high))(banded));
            plot.append("path")
              .attr("class", "curve")
              .attr("fill", "none")
              .attr("stroke", style.color)
              .attr("stroke-width", 2)
              .attr("stroke-dasharray", style.dash)
              .attr("d", d3.line().x((point) => x(point.level)).y((point) => y(point.accuracy.mean))(points));
            const marks = plot.selectAll(null)
                            .data(points)
                            .enter()
                            .append("path")
                            .attr("class", "mark point")
                            .attr("d", report.symbolPath(style, 45))
                            .attr("fill", style.color)
                            .attr("transform", (point) => `translate(${x(point.level)},${y(point.accuracy.mean)})`);
            report.tip(marks, (point) => `${curve.name}\nlevel ${point.level}: ${report.summary(point.accuracy)}`);
          });
        });
        return Math.ceil(panels.length / across) * panelHeight;
      },
    });
  };

  report.robustness = (data) => {
    if (data.robustness.curves.length === 0)
      return [report.figure({
        id: "robustness",
        title: "Accuracy under perturbations",
        empty: "Robustness was not measured. In the experiment, evaluate: {robustness: {noise: [gaussian], attacks: [{name: fgsm, eps: 0.0157}]}} asks for it."
      })];
    const tasks = data.taskNames.filter((task) => data.robustness.curves.some((curve) => data.groups[curve.group].task === task));
    if (!tasks.includes(state.task)) [state.task] = tasks;
    const place = el("div"), show = () => place.replaceChildren(chart(data));
    show();
    return [
      tasks.length > 1 ? el("div", { class: "controls" },
        report.select("Task", tasks.map((task) => [task, task]), state.task,
          (value) => {
            state.task = value;
            show();
          })) :
                         null,
      place
    ];
  };
})();
