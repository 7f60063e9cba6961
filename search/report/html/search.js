// How the search went: the volume that its nets dominate, as training went on, and every decision with its reason.
(() => {
  "use strict";

  /** Each of the searches that one results directory has seen: where epochs are counted anew, another begins. */
  const searches = (rows) => rows.reduce((all, row, i) => {
    if (i === 0 || row.epochs < rows[i - 1].epochs) all.push([]);
    all[all.length - 1].push(row);
    return all;
  }, []);

  const volumes = (data) => {
    const rows = data.search.volumes.task.map(
      (task, i) => ({ task, epochs: data.search.volumes.epochs[i], volume: data.search.volumes.volume[i], net: data.nets[data.search.volumes.net[i]] }));
    const tasks = Array.from(new Set(rows.map((row) => row.task)));
    const look = (task) => report.look(tasks.indexOf(task));
    const objectives = ((data.experiment || {}).objectives || []).map((objective) => objective.metric).join(", ");
    return report.figure({
      id: "volumes",
      title: "Hypervolume of the nets so far",
      rows,
      text: `The volume that the nets of a task dominate in the objectives${
              objectives ? " (" + objectives + ")" : ""}, costs as shares of the base's: 0 is the base alone, more is better. `
        +
        "It counts validation data only, over all seeds together.",
      empty: rows.length === 0 ? "There is no volume yet: it takes two objectives and a cut." : null,
      legend: tasks.map((task) => ({ name: task, mark: report.lineMark(look(task)) })),
      columns: [
        { name: "task", value: (row) => row.task }, { name: "epochs", value: (row) => row.epochs, number: true },
        { name: "hypervolume", value: (row) => row.volume, number: true },
        { name: "net", value: (row) => (row.net ? row.net.label : ""), href: (row) => (row.net ? "#net/" + row.net.index : null) }
      ],
      draw: (svg, width) => {
        const height = Math.round(Math.max(260, Math.min(400, width * 0.35)));
        const x = d3.scaleLinear(report.extent(rows.map((row) => row.epochs)), [52, width - 16]);
        const y = d3.scaleLinear([0, (d3.max(rows, (row) => row.volume) || 1) * 1.06], [height - 44, 24]);
        const plot =
          report.axes(svg, { x, y, left: 52, top: 24, right: 16, bottom: 44, width, height, xName: "epochs of training, all stages", yName: "hypervolume" });
        tasks.forEach((task) => {
          const own = rows.filter((row) => row.task === task), line = d3.line().x((row) => x(row.epochs)).y((row) => y(row.volume)).curve(d3.curveStepAfter);
          plot.append("path")
            .attr("class", "curve")
            .attr("fill", "none")
            .attr("stroke", look(task).color)
            .attr("stroke-width", 2)
            .attr("stroke-dasharray", look(task).dash)
            .attr("d", searches(own).map(line).join(""));
          const marks = plot.selectAll(null)
                          .data(own)
                          .enter()
                          .append("path")
                          .attr("class", "mark volume")
                          .attr("d", report.symbolPath(look(task), 40))
                          .attr("fill", look(task).color)
                          .attr("transform", (row) => `translate(${x(row.epochs)},${y(row.volume)})`);
          report.tip(
            marks, (row) => `${row.task}: ${report.ratio(row.volume)} after ${report.count(row.epochs)} epochs` + (row.net ? `\nby ${row.net.label}` : ""));
        });
        return height;
      },
    });
  };

  const decisions = (data) => {
    const { trial, subject, choice, reason, left_out: leftOut } = data.search.decisions;
    const rows =
      trial.map((index, i) => ({ number: i + 1 + leftOut, trial: data.trials[index] || null, subject: subject[i], choice: choice[i], reason: reason[i] }));
    if (rows.length === 0)
      return report.figure({ id: "decisions", title: "Decisions", empty: "The strategy decided nothing: it runs all that the experiment names." });
    const last = (row) => (row.trial ? row.trial.nets.filter((net) => net >= 0).pop() : undefined);
    return report.tableFigure({
      id: "decisions",
      title: "Decisions",
      rows,
      text: "What the strategy chose, and why, in order."
        + (leftOut > 0 ? ` The first ${report.count(leftOut)} are left out; the view decisions of experiment.db has them.` : ""),
      columns: [
        { name: "decision", value: (row) => row.number, number: true },
        { name: "trial", value: (row) => row.subject, href: (row) => (last(row) === undefined ? null : "#net/" + last(row)) },
        { name: "choice", value: (row) => row.choice }, { name: "reason", value: (row) => row.reason }
      ]
    });
  };

  report.search = (data) => [volumes(data), decisions(data)];
})();
