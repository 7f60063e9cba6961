// What ran, what failed, what sharing saved, and the answer.
(() => {
  "use strict";

  const { el } = report;

  const tile = (name, value, more) => el("div", { class: "tile" }, el("div", { class: "tilename" }, name), el("div", { class: "tilevalue" }, value),
    more ? el("div", { class: "tilemore" }, more) : null);

  const states = ["done", "running", "pending", "interrupted", "failed"];
  const counted = (counts) => states.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`).join(", ") || "none";

  const sharing = (overview) => {
    const { done, without_sharing: alone } = overview;
    const rows = [
      { what: "stages", shared: done.stages, alone: alone.stages, text: report.count },
      { what: "compute time (s)", shared: done.wall_s, alone: alone.wall_s, text: report.duration },
    ];
    return report.figure({
      id: "sharing",
      title: "Saved by sharing stages",
      rows,
      text:
        "Trials with the same first cuts share them, all of a task share the base. Above: what was run; below: what the trials would have taken one by one.",
      columns: [
        { name: "what", value: (row) => row.what }, { name: "shared", value: (row) => row.shared, number: true },
        { name: "without_sharing", value: (row) => row.alone, number: true }
      ],
      draw: (svg, width) => {
        const left = 8, height = 132;
        rows.forEach((row, i) => {
          const x = d3.scaleLinear([0, Math.max(row.alone, row.shared, 1e-9)], [0, width - left - 165]), top = 8 + i * 64;
          svg.append("text").attr("x", left).attr("y", top + 8).attr("class", "strong").text(row.what);
          [["shared", row.shared, "var(--c0)"], ["alone", row.alone, "var(--faint)"]].forEach(([name, value, fill], k) => {
            svg.append("rect")
              .attr("class", "mark")
              .attr("x", left)
              .attr("y", top + 14 + k * 18)
              .attr("height", 15)
              .attr("width", Math.max(1, x(value)))
              .attr("fill", fill);
            svg.append("text").attr("x", left + x(value) + 6).attr("y", top + 26 + k * 18).text(row.text(value) + (k === 0 ? " run" : " without"));
          });
        });
        return height;
      },
    });
  };

  const failures = (overview) => {
    const rows = overview.failures.map((row) => ({ kind: row.kind, count: row.count, examples: row.examples }));
    if (rows.length === 0) return el("p", {}, "No stage has failed.");
    const figure = report.figure({
      id: "failures",
      title: "Failures by kind",
      rows,
      text: "Stages that failed, after their retries.",
      columns: [{ name: "kind", value: (row) => row.kind }, { name: "stages", value: (row) => row.count, number: true }],
      draw: (svg, width) => {
        const x = d3.scaleLinear([0, d3.max(rows, (row) => row.count)], [0, width - 170]);
        rows.forEach((row, i) => {
          svg.append("text").attr("x", 92).attr("y", 20 + i * 24).attr("text-anchor", "end").text(row.kind);
          svg.append("rect")
            .attr("class", "mark")
            .attr("x", 100)
            .attr("y", 8 + i * 24)
            .attr("width", Math.max(1, x(row.count)))
            .attr("height", 16)
            .attr("fill", "var(--c1)");
          svg.append("text").attr("x", 106 + x(row.count)).attr("y", 20 + i * 24).text(row.count);
        });
        return rows.length * 24 + 14;
      },
    });
    const messages = rows.map(
      (row) => el("details", {}, el("summary", {}, `${row.kind}: what ${row.count > row.examples.length ? "some of them" : "they"} said`),
        row.examples.map(
          (example) => el("div", {}, el("p", {}, el("strong", {}, example.kind + " " + example.label)), el("pre", { tabindex: "0" }, example.message)))));
    return [figure, messages];
  };

  const kinds = (overview) => report.tableFigure({
    id: "stages",
    title: "What ran",
    rows: overview.kinds,
    text: "A stage is one piece of work that is stored once: a training, a cut with its retraining, a measurement.",
    columns: [
      { name: "kind", value: (row) => row.kind }, ...states.map((state) => ({ name: state, value: (row) => row.states[state] || 0, number: true })),
      { name: "compute time (s)", value: (row) => row.wall_s, text: (row) => report.duration(row.wall_s), number: true }
    ],
  });

  /** Of each task the smallest net of the front that is as good as the bases, within the tolerance. */
  const found = (data) => {
    const tolerance = typeof (data.experiment || {}).tolerance === "number" ? data.experiment.tolerance : 0.01;
    return data.taskNames.map((task) => {
      const front = ((data.fronts[task] || {}).macs || []).map((net) => data.nets[net]);
      const bases = data.nets.filter((net) => net.trial && net.trial.task === task && report.roleOf(net) === "base" && net.val !== null);
      if (bases.length === 0 || front.length === 0) return null;
      const base = d3.mean(bases, (net) => net.val), macs = d3.mean(bases, (net) => net.macs);
      const good = front.find((net) => net.val >= base - tolerance - 1e-9);
      return el("p", {}, el("strong", {}, task + ": "),
        good ?
          [
            "the smallest net within ", report.percent(tolerance, 1).replace(" %", " points"), " of the bases' mean validation accuracy (",
            report.percent(base), ") is ", el("a", { href: "#net/" + good.index }, good.label), " with ", report.ratio(good.macs / macs),
            " of the MACs: ", report.percent(good.val), " validation", good.test === null ? "" : ", " + report.percent(good.test) + " test", "."
          ] :
          [
            "no net is within ", report.percent(tolerance, 1).replace(" %", " points"), " of the bases' mean validation accuracy (", report.percent(base), ")."
          ]);
    });
  };

  /** Who beats whom, as nas-run compare says it; those that the data tell apart first. */
  const comparison = (data) => {
    const rows = (data.comparison || []).slice().sort((one, other) => one.p_corrected - other.p_corrected),
          told = rows.filter((row) => row.p_corrected <= 0.05).length;
    if (rows.length === 0) return null;
    const points = (row, key) => (typeof row[key] !== "number" ? "–" :
        row.measure === "macs"                                 ? report.ratio(row[key]) + " ×" :
                                                                 row[key].toFixed(2) + " points");
    return report.tableFigure({
      id: "comparison",
      title: "Who beats whom",
      rows,
      pageRows: 12,
      text: "Paired over the seeds that both have, on test data; p is of Student's t test, of ratios of the sign test, " +
        `corrected for the number of comparisons (Holm). Told apart at 5 %: ${told} of ${rows.length}. ` +
        "The difference is the first less the second, or the ratio of their MACs.",
      columns: [
        { name: "task", value: (row) => row.task },
        { name: "base", value: (row) => row.net },
        { name: "at equal", value: (row) => row.budget },
        { name: "first", value: (row) => row.one },
        { name: "second", value: (row) => row.other },
        { name: "seeds", value: (row) => row.n, number: true },
        { name: "difference", value: (row) => row.difference, text: (row) => points(row, "difference"), number: true },
        { name: "low", value: (row) => row.low, text: (row) => points(row, "low"), number: true },
        { name: "high", value: (row) => row.high, text: (row) => points(row, "high"), number: true },
        { name: "p_corrected", value: (row) => row.p_corrected, text: (row) => report.ratio(row.p_corrected), number: true },
        { name: "verdict", value: (row) => row.verdict },
      ],
    });
  };

  report.overview = (data) => {
    const { overview } = data, saved = overview.without_sharing.stages - overview.done.stages;
    const seconds = overview.without_sharing.wall_s - overview.done.wall_s;
    return [
      el("div", { class: "tiles" }, tile("Trials", data.trials.length, counted(overview.trials)),
        tile("Stages", d3.sum(Object.values(overview.stages)), counted(overview.stages)),
        tile("Nets made", data.nets.length, `${data.nets.filter((net) => net.test !== null).length} measured on test data`),
        tile("Compute time", report.duration(overview.done.wall_s), "all slots together"),
        tile("Saved by sharing", saved > 0 ? report.count(saved) + " stages" : "nothing", saved > 0 ? report.duration(seconds) + " of compute time" : null)),
      found(data),
      el("div", { class: "pair" }, sharing(overview), kinds(overview)),
      el("div", {}, failures(overview)),
      comparison(data),
      data.experiment ? el("details", {}, el("summary", {}, "The experiment's file"), el("pre", { tabindex: "0", class: "yaml" }, data.experiment.yaml)) : null,
    ];
  };
})();
