// Accuracy against cost: every net or the means over seeds, the front, and the baselines with their intervals.
(() => {
  "use strict";

  const { el } = report;
  const most = 2500;  // points that are drawn besides the front
  const choices = { task: null, x: "macs", y: "val", what: "nets", log: true, whole: false };

  const splits = { val: "validation", test: "test" };

  /** Evenly drawn from the nets where there are too many to draw. */
  const thinned = (nets) => (nets.length <= most ? nets : d3.range(most).map((i) => nets[Math.floor(i * nets.length / most)]));

  /** The mean cost of a group's step. */
  const costOf = (data, step, measure) => {
    const values = step.nets.map((net) => report.costOf(data.nets[net], measure)).filter((value) => typeof value === "number");
    return values.length > 0 ? d3.mean(values) : null;
  };

  report.groupName = (group, step) => (group.role === "baseline" ? report.baselineName(group) :
      step === 0                                                 ? group.net + ", base" :
                                                                   `${group.net}, ${group.criterion}, ${group.schedule}, step ${step}`);

  report.baselineName = (group) => {
    if (group.criterion) return `${group.net} (${group.schedule}, ${group.criterion})`;
    return group.net + (group.width === 1 ? "" : ` (width ${group.width})`);
  };

  /** Whether a baseline stands beside a base net: a control of that net, or a net of its own. */
  report.belongsTo = (group, net) => {
    const control = /^(?:narrow|scratch)-(.*?)(?:-pretrained)?(?:-distilled)?(?:-flops)?$/.exec(group.net);
    return !control || control[1] === net;
  };

  const netText = (net) => [net.label, `validation ${report.percent(net.val)}` + (net.test === null ? "" : `, test ${report.percent(net.test)}`),
    `${report.count(net.params)} parameters, ${report.count(net.macs)} MACs`, net.front ? "on a front" : null, net.beyond ? "beyond the constraints" : null]
                             .filter(Boolean)
                             .join("\n");

  report.netText = netText;

  /** Of means, those that no other beats in both validation accuracy and cost, the cheapest first. Costs within half a percent are equal. */
  const frontOf = (points) => {
    const sorted = points.filter((point) => point.val !== null).sort((one, other) => one.cost - other.cost);
    const isBeaten = (point, i) => sorted.some((other, k) => other.cost <= 1.005 * point.cost && (other.val > point.val || (other.val === point.val && k < i)));
    return sorted.filter((point, i) => !isBeaten(point, i));
  };

  const room = 44;  // pixels at both ends of an axis of costs

  /** Sets marks whose costs are as good as equal side by side, within the room: `shift`, in pixels. */
  const spread = (points, x) => {
    const gap = 11, clusters = [];
    for (const point of d3.sort(points, (each) => each.cost)) {
      const last = clusters.at(-1);
      if (last && x(point.cost) - x(last[0].cost) < gap)
        last.push(point);
      else
        clusters.push([point]);
    }
    for (const cluster of clusters) {
      const step = Math.min(gap, 2 * room / Math.max(1, cluster.length - 1));
      d3.sort(cluster, (point) => points.indexOf(point)).forEach((point, i) => {
        point.shift = (i - (cluster.length - 1) / 2) * step;
      });
    }
  };

  const withRoom = (scale) => {
    const [left, right] = scale.range(), inner = scale.copy().range([left + room, right - room]);
    return scale.domain([scale.base ? inner.invert(left) : Math.max(0, inner.invert(left)), inner.invert(right)]);
  };

  /** A cut net looks as its criterion, a base as none. */
  report.lookOfNet = (net) => (report.roleOf(net) === "pruned" ? report.lookOf(net.trial.criterion) : report.look(-1));

  /** Means over seeds of the task's groups, a point a step; a base stands once. */
  const meansOf = (data, state, role) => {
    const seen = new Set();
    return data.groups.filter((group) => group.task === state.task && group.role === role)
      .flatMap((group) => group.steps.map((step, i) => {
        if (!step || !step[state.y]) return null;
        const key = i === 0 && role === "pruned" ? group.net + "/" + group.width : null;
        if (key && seen.has(key)) return null;
        if (key) seen.add(key);
        const val = step.val ? step.val.mean : null;
        return {
          group,
          step: i,
          val,
          summary: step[state.y],
          shift: 0,
          cost: costOf(data, step, state.x),
          net: data.nets[step.nets[0]],
          name: report.groupName(group, i)
        };
      }))
      .filter((point) => point && point.cost !== null);
  };

  const whiskers = (plot, points, x, y) => points.filter((point) => typeof point.summary.low === "number").forEach((point) => {
    plot.append("path")
      .attr("class", "whisker")
      .attr("d", `M${x(point.cost) + point.shift - 4},${y(point.summary.low)}h8m-4,0V${y(point.summary.high)}m-4,0h8`);
  });

  const meanMarks = (plot, state, points, x, y, kind, lookOf) => {
    const marks = plot.selectAll(".mark." + kind)
                    .data(points)
                    .enter()
                    .append("a")
                    .attr("href", (point) => "#net/" + point.net.index)
                    .attr("aria-label", (point) => `${point.name}: ${report.summary(point.summary)}`);
    marks.append("path")
      .attr("class", "mark " + kind)
      .attr("d", (point) => report.symbolPath(lookOf(point), 80))
      .attr("transform", (point) => `translate(${x(point.cost) + point.shift},${y(point.summary.mean)})`)
      .attr("fill", (point) => (kind === "baseline" ? "var(--ground)" : lookOf(point).color))
      .attr("stroke", (point) => lookOf(point).color)
      .attr("stroke-width", 1.8);
    report.tip(marks, (point) => `${point.name}\n${splits[state.y]} ${report.summary(point.summary)}\n${report.costText(state.x, point.cost)}`);
  };

  /** What `state` chooses to show, as the figure `id`; `brief`: a text in place of the whole explanation. */
  const chart = (data, state, id, brief = null) => {
    const nets = data.nets.filter((net) => net.trial && net.trial.task === state.task && net.trial.role === "pruned" && typeof net[state.y] === "number"
        && typeof report.costOf(net, state.x) === "number");
    const front = ((data.fronts[state.task] || {})[state.x] || []).map((index) => data.nets[index]);
    const shown = front.filter((net) => typeof net[state.y] === "number");
    const others = thinned(nets.filter((net) => !shown.includes(net)));
    const baselines = meansOf(data, state, "baseline"), means = meansOf(data, state, "pruned");
    const names = Array.from(new Set(baselines.map((point) => point.name)));
    const firstLook = Math.max(3, data.criteria.length), baseLook = (point) => report.look(names.indexOf(point.name) + firstLook);
    const frontLook = (net) => {
      const baseline = baselines.find((point) => point.group.steps[point.step].nets.includes(net.index));
      return baseline ? baseLook(baseline) : report.lookOfNet(net);
    };
    const meanLook = (point) => (point.step === 0 ? report.look(-1) : report.lookOf(point.group.criterion));
    const points = state.what === "nets" ? [...others, ...shown].map((net) => [report.costOf(net, state.x), net[state.y]]) :
                                           means.map((point) => [point.cost, point.summary.mean]);
    points.push(...baselines.map((point) => [point.cost, point.summary.mean]));
    const rows = state.what === "nets" ? front.map((net) => ({ name: net.label, net, cost: report.costOf(net, state.x) })) : [...means, ...baselines];
    const columns = state.what === "nets" ?
      [
        { name: "net", value: (row) => row.name, href: (row) => "#net/" + row.net.index },
        { name: "trial", value: (row) => row.net.trial.number, number: true },
        { name: "step", value: (row) => row.net.step, number: true },
        { name: "accuracy_val", value: (row) => row.net.val, text: (row) => report.percent(row.net.val), number: true },
        { name: "accuracy_test", value: (row) => row.net.test, text: (row) => report.percent(row.net.test), number: true },
        { name: "params", value: (row) => row.net.params, text: (row) => report.count(row.net.params), number: true },
        { name: "macs", value: (row) => row.net.macs, text: (row) => report.count(row.net.macs), number: true },
        ...data.measures.map((measure) => ({ name: measure + " (ms)", value: (row) => row.net.latency[measure], number: true })),
      ] :
      [
        { name: "nets", value: (row) => row.name, href: (row) => "#net/" + row.net.index },
        { name: "seeds", value: (row) => row.summary.n, number: true },
        { name: "accuracy_" + state.y, value: (row) => row.summary.mean, text: (row) => report.percent(row.summary.mean), number: true },
        { name: "low", value: (row) => row.summary.low, text: (row) => report.percent(row.summary.low), number: true },
        { name: "high", value: (row) => row.summary.high, text: (row) => report.percent(row.summary.high), number: true },
        { name: state.x, value: (row) => row.cost, text: (row) => report.costText(state.x, row.cost), number: true },
      ];
    const accuracies = points.map((point) => point[1]), sorted = accuracies.slice().sort(d3.ascending);
    const kept = [...shown.map((net) => net[state.y]), ...baselines.map((point) => point.summary.mean)];
    const lowest = state.whole || points.length < 20 ? d3.min(accuracies) : Math.min(d3.quantile(sorted, 0.1), d3.min(kept.length > 0 ? kept : sorted));
    const below = accuracies.filter((accuracy) => accuracy < lowest - 1e-9).length;
    const left = nets.length - others.length - shown.filter((net) => nets.includes(net)).length;
    return report.figure({
      id,
      title: `${splits[state.y][0].toUpperCase() + splits[state.y].slice(1)} accuracy against ${report.costName(state.x)}`,
      columns,
      rows,
      text: brief
        || ("Ringed and joined: the front, what no other beats in both validation accuracy and cost; it is chosen on validation data, whichever " +
          "accuracy is shown. Hollow: baselines, means over seeds. Means of equal cost stand side by side. Whiskers are 95 % intervals of the mean " +
          "(Student's t); one seed has none. Click a mark for its net." + (left > 0 ? ` ${report.count(left)} more nets are left out of the drawing.` : "")
          + (below > 0 ? ` Below the chart's lower edge: ${below}.` : "")),
      legend: [
        ...data.criteria.map((name) => ({ name, mark: report.symbolMark(report.lookOf(name)) })), { name: "base", mark: report.symbolMark(report.look(-1)) },
        ...names.map((name, i) => ({ name, mark: report.symbolMark(report.look(i + firstLook), true) }))
      ],
      empty: points.length === 0 ? `No net of ${state.task} has ${splits[state.y]} accuracy and ${report.costName(state.x)} yet.` : null,
      draw: (svg, width) => {
        const height = Math.round(Math.max(320, Math.min(560, width * 0.5)));
        const x = (state.log ? d3.scaleLog() : d3.scaleLinear()).domain((state.log ? report.logExtent : report.extent)(points.map((point) => point[0]))).range([
          52, width - 16
        ]);
        const drawn = accuracies.filter((accuracy) => accuracy >= lowest), all = [...means, ...baselines];
        if (state.what === "means") {
          withRoom(x);
          spread(all, x);
          drawn.push(...all.filter((point) => point.summary.mean >= lowest).flatMap((point) => [point.summary.low, point.summary.high]));
        }
        const y = d3.scaleLinear(report.extent(drawn, true), [height - 44, 24]);
        const plot = report.axes(svg, {
          x,
          y,
          left: 52,
          top: 24,
          right: 16,
          bottom: 44,
          width,
          height,
          xName: report.costName(state.x),
          yName: splits[state.y] + " accuracy (%)",
          yFormat: report.inPercent,
          xFormat: (value) => report.costText(state.x, value).replace(" ms", "")
        });
        plot.attr("clip-path", report.clip(svg, 52, 16, width - 60, height - 58));
        if (state.what === "means") {
          const best = frontOf(all), at = (point) => [x(point.cost) + point.shift, y(point.summary.mean)];
          plot.append("path").attr("class", "frontline").attr("d", d3.line().curve(d3.curveStepAfter)(best.map(at)));
          plot.selectAll(".ring")
            .data(best)
            .enter()
            .append("circle")
            .attr("class", "ring")
            .attr("r", 9)
            .attr("transform", (point) => `translate(${at(point)})`);
          whiskers(plot, means, x, y);
          meanMarks(plot, state, means, x, y, "mean", meanLook);
        } else {
          const at = (net) => `translate(${x(report.costOf(net, state.x))},${y(net[state.y])})`;
          const dots = plot.selectAll(".net")
                         .data(others)
                         .enter()
                         .append("path")
                         .attr("class", "mark net")
                         .attr("d", (net) => report.symbolPath(report.lookOfNet(net), 36))
                         .attr("transform", at)
                         .attr("fill", (net) => report.lookOfNet(net).color)
                         .attr("fill-opacity", (net) => (net.beyond ? 0.2 : 0.6));
          dots.on("click", (net) => {
            location.hash = "#net/" + net.index;
          });
          report.tip(dots, netText);
          plot.append("path")
            .attr("class", "frontline")
            .attr("d", d3.line().x((net) => x(report.costOf(net, state.x))).y((net) => y(net[state.y])).curve(d3.curveStepAfter)(shown));
          const links = plot.selectAll(".frontlink")
                          .data(shown)
                          .enter()
                          .append("a")
                          .attr("class", "frontlink")
                          .attr("href", (net) => "#net/" + net.index)
                          .attr("aria-label", (net) => netText(net).replace(/\n/g, ", "));
          links.append("circle").attr("class", "ring").attr("r", 8).attr("transform", at);
          links.append("path")
            .attr("class", "mark front")
            .attr("d", (net) => report.symbolPath(frontLook(net), 60))
            .attr("transform", at)
            .attr("fill", (net) => frontLook(net).color);
          report.tip(links, netText);
        }
        whiskers(plot, baselines, x, y);
        meanMarks(plot, state, baselines, x, y, "baseline", baseLook);
        return height;
      },
    });
  };

  /** What a task's nets reach at which MACs: means where most cuts were made with several seeds, on test data where all are measured on them. */
  report.front = (data, task, id) => {
    const groups = data.groups.filter((group) => group.task === task), known = (step) => step && step.val;
    const cuts = groups.flatMap((group) => group.steps.slice(1).filter(known)), steps = groups.flatMap((group) => group.steps.filter(known));
    const means = d3.median(cuts.length > 0 ? cuts : steps, (step) => step.val.n) > 1, tested = means && steps.every((step) => step.test);
    const text = means ? "Means over seeds, 95 % intervals. Ringed: what no other beats in validation accuracy and cost. Hollow: baselines." :
                         "Ringed and joined: nets that no other beats in both accuracy and cost. Hollow: baselines.";
    return chart(data, { task, x: "macs", y: tested ? "test" : "val", what: means ? "means" : "nets", log: true, whole: false }, id, text);
  };

  report.pareto = (data) => {
    if (data.taskNames.length === 0) return report.noNet();
    const state = choices;
    state.task = data.taskNames.includes(state.task) ? state.task : data.taskNames[0];
    const place = el("div"), show = () => place.replaceChildren(chart(data, state, "pareto"));
    const set = (key) => (value) => {
      state[key] = value;
      show();
    };
    show();
    return [
      el("div", { class: "controls" },
        data.taskNames.length > 1 ? report.select("Task", data.taskNames.map((task) => [task, task]), state.task, set("task")) : null,
        report.select("Accuracy on", [["val", "validation data"], ["test", "test data"]], state.y, set("y")),
        report.select("Cost", ["macs", "params", ...data.measures].map((measure) => [measure, report.costName(measure)]), state.x, set("x")),
        report.select("Show", [["nets", "each net"], ["means", "means over seeds"]], state.what, set("what")),
        report.checkbox("logarithmic", state.log, set("log")), report.checkbox("down to the worst", state.whole, set("whole"))),
      place,
      data.measures.length === 0 ?
        el("p", { class: "note" }, "Latency was not measured: ", el("code", {}, "evaluate: {latency: {batch: [1, 64]}}"), " in the experiment asks for it.") :
        null,
    ];
  };
})();
