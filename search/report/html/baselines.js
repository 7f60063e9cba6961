// The base, the cut nets at the end of each schedule, and the baselines, as intervals beside each other and as a table.
(() => {
  "use strict";

  const { el } = report;

  /** A line each: the base, what a schedule and criterion end with, the baselines. */
  const linesOf = (data, task, net) => {
    const groups = data.groups.filter((group) => group.task === task), lines = [];
    const own = groups.filter((group) => group.role === "pruned" && group.net === net), base = own.length > 0 ? own[0].steps[0] : null;
    const add = (name, kind, step, look) => {
      if (step && (step.test || step.val))
        lines.push({
          name,
          kind,
          step,
          look,
          net: data.nets[step.nets[0]],
          params_ratio: base ? step.params / base.params : null,
          macs_ratio: base ? step.macs / base.macs : null
        });
    };
    add(net + ", base", "base", base, report.look(-1));
    own.filter((group) => group.criterion && group.steps.length > 1).forEach((group) => {
      const last = group.steps.length - 1;
      add(`${group.criterion}, ${group.schedule}, ${last} cut${last === 1 ? "" : "s"}`, "cut", group.steps[last], report.lookOf(group.criterion));
    });
    groups.filter((group) => group.role === "baseline" && report.belongsTo(group, net))
      .forEach((group) => add(report.baselineName(group), "baseline", group.steps[0], report.look(-1)));
    return lines;
  };

  const columns = [
    { name: "net", value: (row) => row.name, href: (row) => "#net/" + row.net.index },
    { name: "kind", value: (row) => row.kind },
    { name: "seeds", value: (row) => (row.step.test || row.step.val).n, number: true },
    { name: "accuracy_val", value: (row) => row.step.val && row.step.val.mean, text: (row) => report.percent(row.step.val && row.step.val.mean), number: true },
    {
      name: "accuracy_test",
      value: (row) => row.step.test && row.step.test.mean,
      text: (row) => report.percent(row.step.test && row.step.test.mean),
      number: true
    },
    { name: "test_low", value: (row) => row.step.test && row.step.test.low, text: (row) => report.percent(row.step.test && row.step.test.low), number: true },
    {
      name: "test_high",
      value: (row) => row.step.test && row.step.test.high,
      text: (row) => report.percent(row.step.test && row.step.test.high),
      number: true
    },
    { name: "params", value: (row) => row.step.params, text: (row) => report.count(row.step.params), number: true },
    { name: "params_ratio", value: (row) => row.params_ratio, text: (row) => report.ratio(row.params_ratio), number: true },
    { name: "macs", value: (row) => row.step.macs, text: (row) => report.count(row.step.macs), number: true },
    { name: "macs_ratio", value: (row) => row.macs_ratio, text: (row) => report.ratio(row.macs_ratio), number: true },
  ];

  const chart = (data, task, net, index) => {
    const all = linesOf(data, task, net), lines = all.filter((line) => line.step.test);
    const title = `${task}: what ${net} was cut to, beside the baselines`, id = "baselines" + (index === 0 ? "" : "-" + (index + 1));
    if (lines.length === 0) return report.tableFigure({ id, title, columns, rows: all, text: "No net of this task was measured on test data yet." });
    return report.figure({
      id,
      title,
      columns,
      rows: all,
      least: 340,
      text: "Test accuracy, mean over seeds with its 95 % interval (Student's t), cut at the chart's edge; one seed has no interval. " +
        "Right: share of the base's MACs.",
      draw: (svg, width) => {
        const row = 24, top = 8, left = Math.min(260, width * 0.42), right = 64, height = top + lines.length * row + 44;
        const values = lines.map((line) => line.step.test.mean);
        const x = d3.scaleLinear(report.extent(values, true), [left, width - right]);
        svg.append("g")
          .attr("class", "grid")
          .attr("transform", `translate(0,${height - 40})`)
          .call(d3.axisBottom(x).ticks(Math.max(2, Math.floor((width - left - right) / 80))).tickSize(-(height - 40 - top)).tickFormat(""))
          .call((g) => g.select(".domain").remove());
        svg.append("g")
          .attr("class", "axis")
          .attr("transform", `translate(0,${height - 40})`)
          .call(d3.axisBottom(x).ticks(Math.max(2, Math.floor((width - left - right) / 80))).tickFormat(report.inPercent).tickSizeOuter(0));
        svg.append("text")
          .attr("class", "axisname")
          .attr("x", (left + width - right) / 2)
          .attr("y", height - 6)
          .attr("text-anchor", "middle")
          .text("test accuracy (%)");
        const clip = report.clip(svg, left - 6, 0, width - left - right + 12, height);
        lines.forEach((line, i) => {
          const y = top + i * row + row / 2, { test } = line.step;
          const link = svg.append("a").attr("href", "#net/" + line.net.index).attr("aria-label", `${line.name}: test ${report.summary(test)}`).datum(line);
          const name = link.append("text").attr("x", left - 10).attr("y", y + 4).attr("text-anchor", "end").text(line.name);
          report.shorten(name, left - 14);
          if (typeof test.low === "number")
            link.append("path")
              .attr("class", "whisker")
              .attr("clip-path", clip)
              .attr("stroke", line.look.color)
              .attr("d", `M${x(test.low)},${y - 4}v8m0,-4H${x(test.high)}m0,-4v8`);
          link.append("path")
            .attr("class", "mark line")
            .attr("d", report.symbolPath(line.look, 70))
            .attr("transform", `translate(${x(test.mean)},${y})`)
            .attr("fill", line.kind === "baseline" ? "var(--ground)" : line.look.color)
            .attr("stroke", line.look.color)
            .attr("stroke-width", 1.6);
          svg.append("text").attr("class", "soft").attr("x", width - 4).attr("y", y + 4).attr("text-anchor", "end").text(report.ratio(line.macs_ratio));
        });
        report.tip(svg.selectAll("a"),
          (line) => `${line.name}\ntest ${report.summary(line.step.test)}\nvalidation ${report.summary(line.step.val)}\n` +
            `${report.count(line.step.params)} parameters, ${report.count(line.step.macs)} MACs`);
        return height;
      },
    });
  };

  report.baselines = (data) => {
    const pairs = Array.from(new Set(data.groups.filter((group) => group.role === "pruned").map((group) => JSON.stringify([group.task, group.net]))))
                    .map((text) => JSON.parse(text));
    if (pairs.length === 0) return report.noNet();
    const none = data.groups.every((group) => group.role !== "baseline");
    return [
      ...pairs.map(([task, net], i) => chart(data, task, net, i)),
      none ? el("p", { class: "note" }, "There are no baselines: ",
        el("code", {}, "baselines: [{name: narrow, keep: 0.1, of: macs}, {name: mobilenet_v2, width: 0.25}]"), " in the experiment trains some.") :
             null
    ];
  };
})();
