// Accuracy along each schedule: a panel a schedule, a line a criterion, bands over seeds.
(() => {
  "use strict";

  const { el } = report;
  const state = { task: null, net: null, x: "macs_ratio", y: "test" };
  const xNames = { macs_ratio: "share of the base's MACs", params_ratio: "share of the base's parameters", step: "cuts" };
  const yNames = { val: "validation", test: "test" };

  const groupsOf = (data) =>
    data.groups.filter((group) => group.task === state.task && group.net === state.net && group.role === "pruned" && group.criterion && group.steps.length > 1);

  /** The points of a group that have a value: {x, summary, step}. */
  const pointsOf = (group) =>
    group.steps.map((step, i) => (step && step[state.y] ? { group, step: i, x: state.x === "step" ? i : step[state.x], summary: step[state.y] } : null))
      .filter((point) => point && point.x !== null);

  const controls = (data) => {
    const bases = data.groups.filter((group) => group.task === state.task && group.role === "pruned");
    const nets = Array.from(new Set(bases.map((group) => group.net)));
    if (!nets.includes(state.net)) state.net = nets[0];
  };

  /** The controls of the panel's base net and the task's other baselines, against the base net of the panel. */
  const controlsOf = (data) => {
    const base = data.groups.find((group) => group.task === state.task && group.net === state.net && group.role === "pruned");
    if (!base || !base.steps[0] || state.x === "step") return [];
    const size = state.x === "macs_ratio" ? "macs" : "params";
    return data.groups
      .filter((group) => group.task === state.task && group.role === "baseline" && group.steps[0] && group.steps[0][state.y]
          && report.belongsTo(group, state.net))
      .map((group) => ({ name: report.baselineName(group), x: group.steps[0][size] / base.steps[0][size], summary: group.steps[0][state.y] }));
  };

  const panel = (svg, { points, baselines, left, top, width, height, x, y, name, xFormat, looks }) => {
    const g = svg.append("g").attr("transform", `translate(${left},${top})`);
    const plot = report.axes(g, {
      x,
      y,
      left: 46,
      top: 26,
      right: 12,
      bottom: 42,
      width,
      height,
      xName: xNames[state.x],
      yName: "",
      yFormat: report.inPercent,
      xFormat,
      xTicks: Math.max(2, Math.floor(width / (state.x === "step" ? 85 : 50)))
    });
    g.append("text").attr("class", "strong").attr("x", 46).attr("y", 16).text(name);
    plot.attr("clip-path", report.clip(g, 40, 20, width - 46, height - 62));
    d3.nest().key((point) => point.group.criterion).entries(points).forEach(({ key, values }) => {
      const look = report.lookOf(key), banded = values.filter((point) => typeof point.summary.low === "number");
      plot.append("path")
        .attr("class", "band")
        .attr("fill", look.color)
        .attr("fill-opacity", 0.1)
        .attr("d", d3.area().x((point) => x(point.x)).y0((point) => y(point.summary.low)).y1((point) => y(point.summary.high))(banded));
      plot.append("path")
        .attr("class", "curve")
        .attr("fill", "none")
        .attr("stroke", look.color)
        .attr("stroke-width", 2)
        .attr("stroke-dasharray", look.dash)
        .attr("d", d3.line().x((point) => x(point.x)).y((point) => y(point.summary.mean))(values));
      const marks = plot.selectAll(null)
                      .data(values)
                      .enter()
                      .append("path")
                      .attr("class", "mark point")
                      .attr("d", report.symbolPath(look, 50))
                      .attr("transform", (point) => `translate(${x(point.x)},${y(point.summary.mean)})`)
                      .attr("fill", look.color);
      report.tip(marks,
        (point) => `${key}, ${point.group.schedule}, step ${point.step}\n${yNames[state.y]} ${report.summary(point.summary)}\n`
          + (state.x === "step" ? "" : `at ${report.ratio(point.x)} of the base`));
    });
    baselines.forEach((point, i) => {
      const look = looks(i);
      if (typeof point.summary.low === "number")
        plot.append("path").attr("class", "whisker").attr("d", `M${x(point.x) - 4},${y(point.summary.low)}h8m-4,0V${y(point.summary.high)}m-4,0h8`);
      const mark = plot.append("path")
                     .datum(point)
                     .attr("class", "mark control")
                     .attr("d", report.symbolPath(look, 64))
                     .attr("fill", "var(--ground)")
                     .attr("stroke", look.color)
                     .attr("stroke-width", 1.8)
                     .attr("transform", `translate(${x(point.x)},${y(point.summary.mean)})`);
      report.tip(mark, () => `${point.name}\n${yNames[state.y]} ${report.summary(point.summary)}`);
    });
  };

  const chart = (data) => {
    const groups = groupsOf(data), baselines = controlsOf(data), looks = (i) => report.look(i + 3);
    const points = groups.flatMap(pointsOf), schedules = Array.from(new Set(points.map((point) => point.group.schedule)));
    const columns = [
      { name: "schedule", value: (row) => row.group.schedule },
      { name: "criterion", value: (row) => row.group.criterion },
      { name: "step", value: (row) => row.step, number: true },
      { name: state.x === "step" ? "cuts" : state.x, value: (row) => row.x, text: (row) => report.ratio(row.x), number: true },
      { name: "seeds", value: (row) => row.summary.n, number: true },
      { name: "accuracy_" + state.y, value: (row) => row.summary.mean, text: (row) => report.percent(row.summary.mean), number: true },
      { name: "sd", value: (row) => row.summary.sd, text: (row) => report.percent(row.summary.sd), number: true },
      { name: "low", value: (row) => row.summary.low, text: (row) => report.percent(row.summary.low), number: true },
      { name: "high", value: (row) => row.summary.high, text: (row) => report.percent(row.summary.high), number: true },
    ];
    const [fewest, largest] = d3.extent(points, (point) => point.summary.n);
    const seeds = fewest === largest ? `${fewest} seed${fewest === 1 ? "" : "s"}` : `${fewest} to ${largest} seeds`;
    return report.figure({
      id: "curves",
      title: `${yNames[state.y][0].toUpperCase() + yNames[state.y].slice(1)} accuracy (%), criteria by schedule`,
      columns,
      rows: points,
      text: `Means over ${seeds}; bands and whiskers are 95 % intervals of the mean, cut at the panel's edge, and there are none of one seed. ` +
        "Hollow: baselines.",
      empty: points.length === 0 ? `No cut of ${state.task} has ${yNames[state.y]} accuracy yet.` : null,
      legend: [
        ...data.criteria.filter((name) => points.some((point) => point.group.criterion === name))
          .map((name) => ({ name, mark: report.lineMark(report.lookOf(name)) })),
        ...baselines.map((point, i) => ({ name: point.name, mark: report.symbolMark(looks(i), true) }))
      ],
      draw: (svg, width) => {
        const across = Math.max(1, Math.min(schedules.length, Math.floor(width / 330))), panelWidth = Math.floor(width / across);
        const panelHeight = Math.round(Math.max(250, Math.min(380, panelWidth * 0.75)));
        const y = d3.scaleLinear(report.extent([...points, ...baselines].map((point) => point.summary.mean), true), [panelHeight - 42, 26]);
        const values = [...points, ...baselines].map((point) => point.x);
        const x = state.x === "step" ? d3.scaleLinear([-0.1, d3.max(values) + 0.1], [46, panelWidth - 12]) :
                                       d3.scaleLog(report.logExtent(values), [panelWidth - 12, 46]);
        schedules.forEach((schedule, i) => panel(svg, {
          points: points.filter((point) => point.group.schedule === schedule),
          baselines,
          looks,
          left: (i % across) * panelWidth,
          top: Math.floor(i / across) * panelHeight,
          width: panelWidth,
          height: panelHeight,
          x,
          y,
          name: "schedule " + schedule,
          xFormat: state.x === "step" ? (value) => (Number.isInteger(value) ? String(value) : "") : (value) => String(Number(value.toPrecision(2))),
        }));
        return Math.ceil(schedules.length / across) * panelHeight;
      },
    });
  };

  report.curves = (data) => {
    if (data.taskNames.length === 0) return report.noNet();
    if (!data.taskNames.includes(state.task)) state.task = data.taskNames[0];
    controls(data);
    const place = el("div"), menu = el("div", { class: "controls" });
    const show = () => place.replaceChildren(chart(data));
    const set = (key) => (value) => {
      state[key] = value;
      controls(data);
      fill();
      show();
    };
    const fill = () => {
      const nets = Array.from(new Set(data.groups.filter((group) => group.task === state.task && group.role === "pruned").map((group) => group.net)));
      const select = (label, options, key) => (options.length > 1 ? report.select(label, options, state[key], set(key)) : null);
      const focused = Array.from(menu.querySelectorAll("select")).indexOf(document.activeElement);
      menu.replaceChildren(...[select("Task", data.taskNames.map((task) => [task, task]), "task"), select("Base net", nets.map((net) => [net, net]), "net"),
        select("Accuracy on", [["test", "test data"], ["val", "validation data"]], "y"), select("Across", Object.entries(xNames), "x")]
                             .filter(Boolean));
      if (focused >= 0) menu.querySelectorAll("select")[focused].focus();
    };
    fill();
    show();
    return [menu, place];
  };
})();
