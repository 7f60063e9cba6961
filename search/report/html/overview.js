// Which net to take and why, beside the front; who beats whom; then what ran, what failed and what sharing saved.
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

  const points = (value) => (value < 0 ? "−" : "+") + Math.abs(100 * value).toFixed(1);

  const interval = (bounds, text) => (Array.isArray(bounds) ? `${text(bounds[0])} to ${text(bounds[1])}` : "one seed, no interval");

  const verdict = (control) => (control.verdict !== "undecided" ? control.verdict :
      typeof control.seeds_to_decide === "number"               ? `undecided; about ${control.seeds_to_decide} seeds would decide` :
                                                                  "undecided");

  /** What the net to take is compared with. */
  const controls = (best, id) => (best.controls.length === 0 ? null : report.tableFigure({
    id,
    title: "Against what it must beat",
    rows: best.controls,
    text: "On test data, over the seeds that both have. The lead is of the net above, in points of accuracy, with its 95 % interval.",
    columns: [
      { name: "against", value: (row) => row.name },
      { name: "accuracy_test", value: (row) => row.accuracy_test, text: (row) => report.percent(row.accuracy_test), number: true },
      { name: "macs", value: (row) => row.macs, text: (row) => report.count(row.macs), number: true },
      { name: "lead", value: (row) => row.difference, text: (row) => points(row.difference), number: true },
      { name: "low", value: (row) => row.low, text: (row) => (typeof row.low === "number" ? points(row.low) : "–"), number: true },
      { name: "high", value: (row) => row.high, text: (row) => (typeof row.high === "number" ? points(row.high) : "–"), number: true },
      { name: "verdict", value: (row) => row.verdict, text: verdict },
    ],
  }));

  /** Of a task: which net to take and why, beside the front; then what it must beat. */
  const answer = (data) => (best, i) => {
    const net = data.nets.find((each) => each.trial && each.trial.number === best.trial && each.step === best.step);
    const number = i === 0 ? "" : `-${i + 1}`;
    return [
      el("div", { class: "pair answers" },
        el("div", { class: "answer" }, el("h3", {}, `${best.task}: take `, net ? el("a", { href: "#net/" + net.index }, best.net) : best.net),
          el("ul", {},
            el("li", {},
              typeof best.macs_ratio === "number" ? `${report.ratio(best.macs_ratio)} of the multiply-accumulates of its base (${report.count(best.macs)}), ` +
                  `${report.ratio(best.params_ratio)} of its parameters (${report.count(best.params)})` :
                                                    `${report.count(best.macs)} multiply-accumulates, ${report.count(best.params)} parameters`),
            el("li", {},
              `${report.percent(best.accuracy_test)} of the test images right (${interval(best.interval, report.percent)}), ` +
                `${report.percent(best.accuracy_val)} of the validation images; ${best.seeds} seed${best.seeds === 1 ? "" : "s"}`),
            el("li", {}, `chosen on validation data: ${best.why}`))),
        report.front(data, best.task, "front" + number)),
      el("pre", { tabindex: "0", class: "export" }, best.export),
      controls(best, "controls" + number),
    ];
  };

  const answers = (data) =>
    (data.best.length > 0 ? data.best.map(answer(data)) :
                            el("p", { class: "answer" }, "No net is measured on test data yet; then this page opens on which one to take."));

  const comparisonColumns = () => {
    const inUnits = (row, key) => (typeof row[key] !== "number" ? "–" :
        row.measure === "macs"                                  ? report.ratio(row[key]) + " ×" :
                                                                  row[key].toFixed(2) + " points");
    return [
      { name: "task", value: (row) => row.task },
      { name: "base", value: (row) => row.net },
      { name: "at equal", value: (row) => row.budget },
      { name: "first", value: (row) => row.one },
      { name: "second", value: (row) => row.other },
      { name: "verdict", value: (row) => row.verdict },
      { name: "difference", value: (row) => row.difference, text: (row) => inUnits(row, "difference"), number: true },
      { name: "low", value: (row) => row.low, text: (row) => inUnits(row, "low"), number: true },
      { name: "high", value: (row) => row.high, text: (row) => inUnits(row, "high"), number: true },
      { name: "seeds", value: (row) => row.n, text: (row) => (row.unmatched ? `${row.n} of ${row.n + row.unmatched}` : row.n), number: true },
      { name: "p_corrected", value: (row) => row.p_corrected, text: (row) => report.ratio(row.p_corrected), number: true },
    ];
  };

  /** One line; what `make` gives comes when it is opened. */
  const folded = (line, make) => {
    const details = el("details", {
      toggle: () => {
        if (details.open && details.children.length === 1) details.append(make());
      }
    },
      el("summary", {}, line));
    return details;
  };

  /** Who beats whom, as nas-run compare says it: what the data tell apart, the largest differences first; the rest folded. */
  const comparison = (data) => {
    const all = data.comparison || [], size = (row) => (row.measure === "macs" ? Math.abs(Math.log(row.difference)) : Math.abs(row.difference));
    const told = all.filter((row) => row.p_corrected <= 0.05)
                   .sort((one, other) => (one.measure === other.measure ? size(other) - size(one) :
                             one.measure < other.measure                ? -1 :
                                                                          1));
    const open = all.filter((row) => !(row.p_corrected <= 0.05)).sort((one, other) => one.p_corrected - other.p_corrected);
    if (all.length === 0) return null;
    const table = (id, title, rows, text) => report.tableFigure({ id, title, rows, pageRows: 12, text, columns: comparisonColumns() });
    return [
      told.length === 0 ? null :
                          table("comparison", "Who beats whom", told,
                            "Paired over the seeds that both have, on test data; p is of Student's t test, of ratios and equal differences of the sign test, " +
                              "corrected for the number of comparisons (Holm). The difference is the first less the second, or the ratio of their MACs. " +
                              "Of seeds as in 7 of 10 the others have no cut net of the budget: for the sign test, as larger."),
      open.length === 0 ? null :
                          folded(`${open.length} of ${all.length} comparisons are not decided by these seeds`,
                            () => table("undecided", "Not decided", open, "More seeds decide more; the nearest to a decision come first.")),
    ];
  };

  report.overview = (data) => {
    const { overview } = data, saved = overview.without_sharing.stages - overview.done.stages;
    const seconds = overview.without_sharing.wall_s - overview.done.wall_s;
    return [
      answers(data),
      comparison(data),
      el("h3", { class: "part" }, "What ran"),
      el("div", { class: "tiles" }, tile("Trials", data.trials.length, counted(overview.trials)),
        tile("Stages", d3.sum(Object.values(overview.stages)), counted(overview.stages)),
        tile("Nets made", data.nets.length, `${data.nets.filter((net) => net.test !== null).length} measured on test data`),
        tile("Compute time", report.duration(overview.done.wall_s), "all slots together"),
        tile("Saved by sharing", saved > 0 ? report.count(saved) + " stages" : "nothing", saved > 0 ? report.duration(seconds) + " of compute time" : null)),
      el("div", { class: "pair" }, sharing(overview), kinds(overview)),
      el("div", {}, failures(overview)),
      data.experiment ? el("details", {}, el("summary", {}, "The experiment's file"), el("pre", { tabindex: "0", class: "yaml" }, data.experiment.yaml)) : null,
    ];
  };
})();
