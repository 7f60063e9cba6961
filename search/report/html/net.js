// One net: what it is, how it was trained and cut, what it mistakes, and the commands that give it.
(() => {
  "use strict";

  const { el } = report;

  const wayTo = (data, net) => {
    const way = [];
    for (let at = net; at; at = data.nets[at.parent]) way.unshift(at);
    return way;
  };
  const detailOf = (data, net) => data.detail.nets[net.index];

  /** The epochs of all trainings on the way to the net, one after another; a cut begins at `from`. */
  const history = (data, way) => {
    const parts = [];
    let from = 0;
    way.forEach((net) => {
      const detail = detailOf(data, net), curves = detail ? detail.curves : {};
      const epochs = d3.max(Object.values(curves), ([at]) => at[at.length - 1]) || 0;
      parts.push({ net, from, curves });
      from += epochs;
    });
    return { parts, epochs: from };
  };

  const curves = (data, net) => {
    const { parts, epochs } = history(data, wayTo(data, net));
    const names = ["val/accuracy", "val/loss", "train/loss"].filter((name) => parts.some((part) => part.curves[name]));
    const points = parts.flatMap(
      (part) => names.flatMap(
        (name) =>
          (part.curves[name] ? part.curves[name][0].map((epoch, i) => ({ part, name, epoch: part.from + epoch, value: part.curves[name][1][i] })) : [])));
    const looks = { "val/accuracy": report.look(0), "val/loss": report.look(1), "train/loss": report.look(2) };
    const titles = { "val/accuracy": "validation accuracy", "val/loss": "validation loss", "train/loss": "training loss" };
    return report.figure({
      id: "training",
      title: "Training, with the cuts marked",
      rows: points,
      text: "All epochs from the base on. A vertical line is a cut; the cross below it is validation accuracy after the cut, before retraining.",
      empty: points.length === 0 ? "No training curve of this net is on the page: either none is stored, or it was left out to keep the page small." : null,
      legend: names.map((name) => ({ name: titles[name], mark: report.lineMark(looks[name]) })),
      columns: [
        { name: "net", value: (row) => row.part.net.label }, { name: "curve", value: (row) => row.name },
        { name: "epoch", value: (row) => row.epoch, number: true }, { name: "value", value: (row) => row.value, number: true }
      ],
      draw: (svg, width) => {
        const accuracy = names.filter((name) => name === "val/accuracy"), losses = names.filter((name) => name !== "val/accuracy");
        const panels = [[accuracy, "validation accuracy (%)", true], [losses, "loss", false]].filter(([which]) => which.length > 0);
        const across = width > 760 ? panels.length : 1, panelWidth = Math.floor(width / across), height = 270;
        panels.forEach(([which, name, share], k) => {
          const g = svg.append("g").attr("transform", `translate(${across > 1 ? k * panelWidth : 0},${across > 1 ? 0 : k * height})`);
          const own = points.filter((point) => which.includes(point.name));
          const values =
            own.map((point) => point.value).concat(share ? parts.map((part) => part.net.before).filter((value) => value !== null && value !== undefined) : []);
          const x = d3.scaleLinear([0, Math.max(1, epochs) + 0.3], [46, panelWidth - 12]), y = d3.scaleLinear(report.extent(values, share), [height - 42, 26]);
          const plot = report.axes(g, {
            x,
            y,
            left: 46,
            top: 26,
            right: 12,
            bottom: 42,
            width: panelWidth,
            height,
            xName: "epoch",
            yName: name,
            yFormat: share ? report.inPercent : undefined,
            xFormat: (value) => (Number.isInteger(value) ? String(value) : "")
          });
          parts.slice(1).forEach((part, i) => {
            plot.append("line").attr("class", "cutline").attr("x1", x(part.from + 0.5)).attr("x2", x(part.from + 0.5)).attr("y1", 26).attr("y2", height - 42);
            if (!share) return;
            plot.append("text")
              .attr("class", "soft")
              .attr("x", x(part.from + 0.5) + 3)
              .attr("y", 36 + (i % 3) * 13)
              .text(part.net.kind === "prune" ? "cut " + part.net.step : part.net.kind);
            if (part.net.before === null) return;
            const cross = plot.append("path")
                            .datum(part)
                            .attr("class", "mark before")
                            .attr("d", d3.symbol().type(d3.symbolCross).size(60)())
                            .attr("fill", "var(--soft)")
                            .attr("transform", `translate(${x(part.from + 0.5)},${y(part.net.before)}) rotate(45)`);
            report.tip(cross, () => `${part.net.label}\n${report.percent(part.net.before)} after the cut, before retraining`);
          });
          which.forEach((curve) => parts.forEach((part) => {
            const line = own.filter((point) => point.part === part && point.name === curve);
            plot.append("path")
              .attr("class", "curve")
              .attr("fill", "none")
              .attr("stroke", looks[curve].color)
              .attr("stroke-width", 2)
              .attr("stroke-dasharray", looks[curve].dash)
              .attr("d", d3.line().x((point) => x(point.epoch)).y((point) => y(point.value))(line));
            const marks = plot.selectAll(null)
                            .data(line)
                            .enter()
                            .append("path")
                            .attr("class", "mark epoch")
                            .attr("d", report.symbolPath(looks[curve], 30))
                            .attr("fill", looks[curve].color)
                            .attr("transform", (point) => `translate(${x(point.epoch)},${y(point.value)})`);
            report.tip(
              marks, (point) => `${point.part.net.label}\nepoch ${point.epoch}: ${titles[point.name]} ${share ? report.percent(point.value) : point.value}`);
          }));
        });
        return across > 1 ? height : panels.length * height;
      },
    });
  };

  const widths = (data, net) => {
    const set = data.widths.set[net.index], title = "Widths";
    if (set < 0) return report.figure({ id: "widths", title, empty: "No layer of this net was cut." });
    const { layers, channels, fixed } = data.widths.sets[set], kept = data.widths.kept[net.index] || channels;
    const parent = data.nets[net.parent], before = (parent && data.widths.set[parent.index] === set && data.widths.kept[parent.index]) || channels;
    const rows = layers.map((layer, i) => ({ layer, kept: kept[i], before: before[i], base: channels[i], fixed: fixed[i] }));
    return report.figure({
      id: "widths",
      title,
      rows,
      text: "Channels of each layer: filled, what this net has; outlined, what the net before had; pale, the base.",
      columns: ["layer", "kept", "before", "base", "fixed"].map((name) => ({ name, value: (row) => row[name], number: !["layer", "fixed"].includes(name) })),
      draw: (svg, width) => {
        const left = Math.min(130, width * 0.3), row = 19, x = d3.scaleLinear([0, d3.max(channels)], [0, width - left - 92]);
        rows.forEach((each, i) => {
          const y = 6 + i * row;
          report.shorten(svg.append("text").attr("x", left - 8).attr("y", y + 12).attr("text-anchor", "end").text(each.layer), left - 10);
          svg.append("rect").attr("x", left).attr("y", y + 2).attr("width", x(each.base)).attr("height", row - 6).attr("fill", "var(--line)");
          svg.append("rect")
            .datum(each)
            .attr("class", "mark width")
            .attr("x", left)
            .attr("y", y + 2)
            .attr("width", x(each.kept))
            .attr("height", row - 6)
            .attr("fill", "var(--c0)");
          if (each.before !== each.kept)
            svg.append("rect")
              .attr("x", left)
              .attr("y", y + 2)
              .attr("width", x(each.before))
              .attr("height", row - 6)
              .attr("fill", "none")
              .attr("stroke", "var(--ink)")
              .attr("stroke-width", 1);
          svg.append("text").attr("class", "soft").attr("x", left + x(each.base) + 6).attr("y", y + 12).text(`${each.kept} of ${each.base}`);
        });
        return 10 + rows.length * row;
      },
    });
  };

  const scores = (data, net) => {
    const detail = detailOf(data, net), set = data.widths.set[net.index], title = "Scores against the threshold";
    const order = set >= 0 ? new Map(data.widths.sets[set].layers.map((layer, i) => [layer, i])) : new Map();
    const rows = (detail ? detail.scores : [])
                   .map(([layer, min, mean, max, threshold, floor, cap]) => ({ layer, min, mean, max, threshold, floor, cap }))
                   .sort((one, other) => (order.get(one.layer) || 0) - (order.get(other.layer) || 0));
    const none = rows.every((each) => typeof each.threshold !== "number");
    return report.figure({
      id: "scores",
      title,
      rows,
      empty: rows.length === 0 ? (report.roleOf(net) === "pruned" && !detail ? "The scores were left out to keep the page small." :
                                                                               "This net was trained, not cut: there are no scores.") :
                                 null,
      text: "Of the net before the cut: the range of its channels' scores in each layer (bar), their mean (dot) " +
        "and the threshold below which they were cut (line), as shares of the layer's largest score."
        + (none ? " This cut had no threshold: its allocation went by size, or by the scores for what a channel costs." : ""),
      columns: ["layer", "min", "mean", "max", "threshold", "floor", "cap"].map(
        (name) => ({ name, value: (row) => row[name], number: !["layer", "floor", "cap"].includes(name) })),
      draw: (svg, width) => {
        const left = Math.min(130, width * 0.3), row = 19, height = 10 + rows.length * row + 38;
        const share = (each, value) => (each.max > 0 ? value / each.max : each.max === each.min ? 1 : (value - each.min) / (each.max - each.min));
        const lowest = Math.min(0, d3.min(rows, (each) => share(each, each.min))), x = d3.scaleLinear([lowest, 1.02], [left, width - 16]).clamp(true);
        svg.append("g")
          .attr("class", "axis")
          .attr("transform", `translate(0,${height - 34})`)
          .call(d3.axisBottom(x).ticks(Math.max(3, Math.floor(width / 130))).tickSizeOuter(0));
        svg.append("text")
          .attr("class", "axisname")
          .attr("x", (left + width) / 2)
          .attr("y", height - 4)
          .attr("text-anchor", "middle")
          .text("share of the layer's largest score");
        rows.forEach((each, i) => {
          const y = 6 + i * row + 8;
          report.shorten(svg.append("text").attr("x", left - 8).attr("y", y + 4).attr("text-anchor", "end").text(each.layer), left - 10);
          svg.append("rect")
            .datum(each)
            .attr("class", "mark score")
            .attr("x", x(share(each, each.min)))
            .attr("y", y - 4)
            .attr("width", Math.max(1, x(share(each, each.max)) - x(share(each, each.min))))
            .attr("height", 8)
            .attr("fill", "var(--faint)");
          svg.append("circle").attr("cx", x(share(each, each.mean))).attr("cy", y).attr("r", 3.5).attr("fill", "var(--ink)");
          if (typeof each.threshold === "number")
            svg.append("line")
              .attr("x1", x(share(each, each.threshold)))
              .attr("x2", x(share(each, each.threshold)))
              .attr("y1", y - 8)
              .attr("y2", y + 8)
              .attr("stroke", "var(--c1)")
              .attr("stroke-width", 2.5);
        });
        report.tip(svg.selectAll(".score"),
          (each) => `${each.layer}: ${each.min} to ${each.max}, mean ${each.mean}\nthreshold ${each.threshold}${each.floor ? "\na floor held channels" : ""}${
            each.cap ? "\na cap held channels" : ""}`);
        return height;
      },
    });
  };

  const confusion = (data, net) => {
    const detail = detailOf(data, net), title = "Confusion matrix";
    if (!detail || !detail.confusion)
      return report.figure({
        id: "confusion",
        title,
        empty: net.test === null ? "This net was not measured on test data: only nets that a trial reports are." :
                                   "The confusion matrix was left out to keep the page small."
      });
    const names = data.detail.class_names[detail.classes], count = names.length, totals = d3.range(count).map(() => 0);
    detail.confusion.forEach(([truth, , images]) => {
      totals[truth] += images;
    });
    const cells = detail.confusion.map(([truth, predicted, images]) => ({ truth, predicted, images, share: images / totals[truth] }));
    return report.figure({
      id: "confusion",
      title,
      rows: cells,
      text: "Test images by their class (rows) and the class that the net gives (columns), in per cent of the class.",
      least: Math.min(620, 130 + count * 13),
      columns: [
        { name: "truth", value: (row) => names[row.truth] }, { name: "predicted", value: (row) => names[row.predicted] },
        { name: "images", value: (row) => row.images, number: true },
        { name: "share", value: (row) => row.share, text: (row) => report.percent(row.share, 1), number: true }
      ],
      draw: (svg, width) => {
        const longest = d3.max(names, (name) => name.length), left = Math.min(140, 18 + longest * 6.6), top = Math.min(110, 26 + longest * 5);
        const size = Math.max(9, Math.min(46, (Math.min(width, 760) - left - 30) / count)), color = d3.scaleSequential(d3.interpolateCividis).domain([0, 1]);
        svg.append("rect").attr("x", left).attr("y", top).attr("width", count * size).attr("height", count * size).attr("fill", color(0));
        if (size >= 11)
          names.forEach((name, i) => {
            report.shorten(svg.append("text").attr("x", left - 6).attr("y", top + (i + 0.5) * size + 4).attr("text-anchor", "end").text(name), left - 6);
            report.shorten(svg.append("text").attr("transform", `translate(${left + (i + 0.5) * size},${top - 6}) rotate(-42)`).text(name), 110);
          });
        const marks = svg.selectAll(".confused")
                        .data(cells)
                        .enter()
                        .append("rect")
                        .attr("class", "mark confused")
                        .attr("x", (cell) => left + cell.predicted * size)
                        .attr("y", (cell) => top + cell.truth * size)
                        .attr("width", size - 0.7)
                        .attr("height", size - 0.7)
                        .attr("fill", (cell) => color(cell.share));
        if (size >= 24)
          svg.selectAll(".confusedtext")
            .data(cells)
            .enter()
            .append("text")
            .attr("class", "celltext")
            .attr("x", (cell) => left + (cell.predicted + 0.5) * size)
            .attr("y", (cell) => top + (cell.truth + 0.5) * size + 4)
            .attr("text-anchor", "middle")
            .attr("pointer-events", "none")
            .attr("fill", (cell) => (d3.lab(color(cell.share)).l > 55 ? "#000000" : "#ffffff"))
            .text((cell) => (cell.share < 0.005 ? "" : Math.round(100 * cell.share)));
        report.tip(marks, (cell) => `${names[cell.truth]}, taken for ${names[cell.predicted]}: ${cell.images} images, ${report.percent(cell.share, 1)}`);
        return top + count * size + 8;
      },
    });
  };

  /** As a shell takes it. */
  const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'");

  const commands = (data, net) => {
    const results = shell(data.results || "RESULTS"), trial = net.trial;
    if (!trial) return null;
    return el("pre", { tabindex: "0" }, [
      "# the net itself",
      `nas-run export ${results} ${trial.number} --step ${net.step} -o net.py`,
      "# its trial, cut by cut",
      `nas-run show ${results} ${trial.number}`,
      "# its trial made again, by itself",
      `nas-run show ${results} --yaml > again.yaml && nas-run again.yaml --only ${shell(trial.name)} -o again`,
    ].join("\n"));
  };

  /** "10.0 % as cut, 20.9 % with batch norm estimated anew, 86.2 % refitted": what a cut left before it was retrained, as far as it is known. */
  const unretrained = (data, net) => {
    const detail = detailOf(data, net), metrics = detail ? detail.metrics : {};
    const asCut = metrics["val/accuracy_as_cut"], batchNorm = metrics["val/accuracy_batch_norm"];
    const known = [[asCut, "as cut"], [batchNorm, "with batch norm estimated anew"], [net.before, asCut === undefined ? "" : "refitted"]];
    return known.filter(([value]) => typeof value === "number").map(([value, how]) => `${report.percent(value)} ${how}`.trim()).join(", ");
  };

  const facts = (data, net) => {
    const way = wayTo(data, net), base = way[0], trial = net.trial;
    const entries = [
      ["made by", `${net.kind}${net.request ? ": cut " + net.request + " by " + net.criterion : ""}${net.eta !== null ? ", eta " + net.eta : ""}`],
      ["trial", trial ? `${trial.number}, ${trial.name}, step ${net.step}, seed ${trial.seed}${trial.fold !== null ? ", fold " + trial.fold : ""}` : "–"],
      [
        "accuracy",
        `${report.percent(net.val)} validation` + (net.test === null ? ", not measured on test data" : `, ${report.percent(net.test)} test`)
          + (net.before === null ? "" : `; validation before retraining: ${unretrained(data, net)}`)
      ],
      [
        "size",
        `${report.count(net.params)} parameters` + (net === base ? "" : ` (${report.ratio(net.params / base.params)} of the base)`)
          + `, ${report.count(net.macs)} MACs` + (net === base ? "" : ` (${report.ratio(net.macs / base.macs)})`)
      ],
      ["compute time", report.duration(net.wall_s)],
      ["stage", net.stage + " …"],
      [
        "from",
        way.length > 1 ? way.slice(0, -1).flatMap((each, i) => [i > 0 ? " → " : "", el("a", { href: "#net/" + each.index }, each.label)]) :
                         "no other net of this run"
      ],
      [
        "cut further",
        data.nets.filter((other) => other.parent === net.index)
          .slice(0, 40)
          .flatMap((each, i) => [i > 0 ? ", " : "", el("a", { href: "#net/" + each.index }, each.label)])
      ],
      ...data.latencies.filter((row) => row.net === net)
        .map((row) => ["latency, " + row.measure,
               `${report.milliseconds(row.p50)} median, ${report.milliseconds(row.p95)} at the 95th percentile`
                 + (row.estimate ? `, ${report.milliseconds(row.estimate)} estimated before training` : "") + (row.runs ? `, ${row.runs} runs` : "")
                 + (row.peak ? `, ${report.count(row.peak)}B of activations at most` : "")]),
    ].filter(([, value]) => !Array.isArray(value) || value.length > 0);
    return el("dl", { class: "facts" }, entries.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  };

  const metrics = (data, net) => {
    const detail = detailOf(data, net), rows = Object.entries(detail ? detail.metrics : {}).map(([name, value]) => ({ name, value }));
    return rows.length === 0 ? null : report.tableFigure({
      id: "metrics",
      title: "All that was measured",
      rows,
      columns: [{ name: "metric", value: (row) => row.name }, { name: "value", value: (row) => row.value, number: true }]
    });
  };

  const chooser = (data) => {
    const best = Object.values(data.fronts).flatMap((measures) => measures.macs || []).map((index) => data.nets[index]);
    return [
      el("p", { class: "note" }, "Choose a net: a mark of a chart, a name of a table, or one of the fronts:"),
      el("ul", {},
        best.slice(0, 60).map(
          (net) => el("li", {}, el("a", { href: "#net/" + net.index }, net.label), ` ${report.percent(net.val)}, ${report.count(net.macs)} MACs`)))
    ];
  };

  report.net = (data, argument) => {
    const net = data.nets[Number(argument)];
    if (argument === undefined || !net) return chooser(data);
    return [
      el("p", { class: "netname" }, el("strong", {}, net.label), net.front ? " · on a Pareto front" : "",
        net.beyond ? " · beyond the experiment's constraints" : ""),
      facts(data, net), commands(data, net), curves(data, net), el("div", { class: "pair" }, widths(data, net), scores(data, net)), confusion(data, net),
      metrics(data, net)
    ];
  };
})();
