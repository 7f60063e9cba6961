// Heat maps of the channels that are left: layer by step, layer by net, and one task against another.
(() => {
  "use strict";

  const { el } = report;
  const state = { group: null, at: null, one: null, other: null };

  const label = (group) => `${group.task}, ${group.net}, ${group.criterion}, ${group.schedule}`;
  const groupsOf = (data) => data.groups.filter((group) => group.role === "pruned" && group.criterion && group.steps.length > 1 && setOf(data, group) >= 0);

  /** The layers of a group's nets. */
  const setOf = (data, group) => {
    for (const step of group.steps)
      for (const net of step ? step.nets : [])
        if (data.widths.set[net] >= 0) return data.widths.set[net];
    return -1;
  };

  /** Mean share of each layer's channels that the nets of a step keep. */
  const sharesOf = (data, set, step) => {
    const { channels } = data.widths.sets[set];
    const nets = step.nets.filter((net) => data.widths.set[net] === set);
    return channels.map((count, layer) => d3.mean(nets, (net) => (data.widths.kept[net] === null ? 1 : data.widths.kept[net][layer] / count)));
  };

  /** A heat map: `cells` [{row, column, value, text}], from the layers down and `heads` across. */
  const heat = (svg, width, { layers, heads, cells, color, text, tip, legend }) => {
    const left = Math.min(150, Math.max(70, width * 0.22)), longest = d3.max(heads, (head) => head.length) || 1;
    const slanted = longest * 6.4 > (width - left - 8) / heads.length - 4 || longest * 6.4 > 80, right = slanted ? Math.min(110, longest * 4.8) : 8;
    const size = Math.max(18, Math.min(84, (width - left - right) / heads.length));
    const top = slanted ? Math.min(150, 14 + longest * 4.6) : 24, row = Math.max(16, Math.min(26, 460 / layers.length));
    heads.forEach((head, i) => {
      const x = left + i * size + size / 2;
      svg.append("text")
        .attr("text-anchor", slanted ? "start" : "middle")
        .attr("transform", slanted ? `translate(${x - 2},${top - 6}) rotate(-42)` : `translate(${x},${top - 8})`)
        .text(head);
    });
    layers.forEach((layer, i) => report.shorten(
                     svg.append("text").attr("x", left - 8).attr("y", top + i * row + row / 2 + 4).attr("text-anchor", "end").text(layer), left - 10));
    const marks = svg.selectAll(".cell")
                    .data(cells)
                    .enter()
                    .append("rect")
                    .attr("class", "mark cell")
                    .attr("x", (cell) => left + cell.column * size)
                    .attr("y", (cell) => top + cell.row * row)
                    .attr("width", size - 1)
                    .attr("height", row - 1)
                    .attr("fill", (cell) => color(cell.value));
    report.tip(marks, tip);
    if (size >= 34)
      svg.selectAll(".celltext")
        .data(cells)
        .enter()
        .append("text")
        .attr("class", "celltext")
        .attr("x", (cell) => left + cell.column * size + size / 2)
        .attr("y", (cell) => top + cell.row * row + row / 2 + 4)
        .attr("text-anchor", "middle")
        .attr("pointer-events", "none")
        .attr("fill", (cell) => (d3.lab(color(cell.value)).l > 55 ? "#000000" : "#ffffff"))
        .text(text);
    return legend(svg, left, top + layers.length * row + 14, Math.min(280, width - left - 10));
  };

  const scaleBar = (color, from, to, name, format) => (svg, x, y, width) => {
    const parts = 40;
    d3.range(parts).forEach((i) => svg.append("rect")
                                     .attr("x", x + i * width / parts)
                                     .attr("y", y)
                                     .attr("width", width / parts + 0.6)
                                     .attr("height", 10)
                                     .attr("fill", color(from + (to - from) * (i + 0.5) / parts)));
    svg.append("text").attr("class", "soft").attr("x", x).attr("y", y + 24).text(format(from));
    svg.append("text").attr("class", "soft").attr("x", x + width / 2).attr("y", y + 24).attr("text-anchor", "middle").text(name);
    svg.append("text").attr("class", "soft").attr("x", x + width).attr("y", y + 24).attr("text-anchor", "end").text(format(to));
    return y + 34;
  };
  const twoNames = (bar, name) => (svg, x, y, width) => {
    svg.append("text").attr("class", "soft").attr("x", x).attr("y", bar(svg, x, y, width) + 8).text(name);
    return y + 54;
  };

  const shareColor = d3.scaleSequential(d3.interpolateCividis).domain([0, 1]);
  const keptBar = scaleBar(shareColor, 0, 1, "channels kept (%)", report.inPercent);
  const perCent = (cell) => (typeof cell.value === "number" ? String(Math.round(100 * cell.value)) : "");

  const columns = (name) => [{ name: "layer", value: (row) => row.layer },
    { name, value: (row) => row.head },
    { name: "kept", value: (row) => row.value, text: (row) => report.percent(row.value, 1), number: true },
    { name: "of_channels", value: (row) => row.channels, number: true },
  ];

  const cellsOf = (data, set, heads, shares) => heads.flatMap((head, column) => shares[column].map((value, row) => ({
    row,
    column,
    value,
    head,
    layer: data.widths.sets[set].layers[row],
    channels: data.widths.sets[set].channels[row],
    fixed: data.widths.sets[set].fixed[row]
  })));

  const tipOf = (cell) =>
    `${cell.layer}, ${cell.head}\nkeeps ${report.percent(cell.value, 1)} of ${cell.channels} channels${cell.fixed ? "\ncannot be cut: " + cell.fixed : ""}`;

  const bySteps = (data, group) => {
    const set = setOf(data, group), steps = group.steps.map((step, i) => [i, step]).filter(([, step]) => step);
    const seeds = d3.max(steps, ([, step]) => step.nets.length);
    const heads = steps.map(([i]) => (i === 0 ? "base" : "cut " + i)), cells = cellsOf(data, set, heads, steps.map(([, step]) => sharesOf(data, set, step)));
    return report.figure({
      id: "kept-steps",
      title: "Layer by step",
      columns: columns("step"),
      rows: cells,
      text: `${label(group)}; mean over ${seeds} seed${seeds === 1 ? "" : "s"}.`,
      draw: (svg, width) =>
        heat(svg, Math.min(width, 760), { layers: data.widths.sets[set].layers, heads, cells, color: shareColor, text: perCent, tip: tipOf, legend: keptBar }),
    });
  };

  const byNets = (data, group) => {
    const set = setOf(data, group), step = state.at;
    const others = groupsOf(data).filter(
      (other) => other.task === group.task && other.net === group.net && other.steps[step === "last" ? other.steps.length - 1 : Number(step)]);
    const heads = others.map((other) => `${other.criterion}, ${other.schedule}`);
    const cells = cellsOf(data, set, heads, others.map((other) => sharesOf(data, set, other.steps[step === "last" ? other.steps.length - 1 : Number(step)])));
    return report.figure({
      id: "kept-nets",
      title: "Layer by net",
      columns: columns("net"),
      rows: cells,
      least: Math.min(900, 120 + heads.length * 26),
      text: `${group.task}, ${group.net}: criteria and schedules after ${step === "last" ? "the last cut" : "cut " + step}, means over seeds.`,
      draw: (svg, width) =>
        heat(svg, width, { layers: data.widths.sets[set].layers, heads, cells, color: shareColor, text: perCent, tip: tipOf, legend: keptBar }),
    });
  };

  const differenceColor = d3.scaleDiverging((t) => d3.interpolateRdBu(1 - t)).domain([-1, 0, 1]);

  const byTasks = (data) => {
    const title = "One task against another", id = "kept-tasks";
    if (data.taskNames.length < 2)
      return report.figure({
        id,
        title,
        empty: "This run has one task. With a second under tasks: in the experiment, the difference of the channels that the two keep stands here."
      });
    const one = groupsOf(data).filter((group) => group.task === state.one);
    const pairs = one
                    .map((group) => [group,
                           groupsOf(data).find((other) => other.task === state.other && other.net === group.net && other.criterion === group.criterion
                               && other.schedule === group.schedule && setOf(data, other) >= 0)])
                    .filter(([, other]) => other);
    const first = pairs[0];
    if (!first || state.one === state.other)
      return report.figure({ id, title, empty: "Choose two tasks that cut the same net by the same criterion and schedule." });
    const set = setOf(data, first[0]), { layers, channels } = data.widths.sets[set];
    const comparable = pairs.filter(([group, other]) => group.net === first[0].net && data.widths.sets[setOf(data, other)].layers.length === layers.length);
    const heads = comparable.map(([group]) => `${group.criterion}, ${group.schedule}`);
    const cells = comparable.flatMap(([group, other], column) => {
      const step = Math.min(group.steps.length, other.steps.length) - 1;
      if (!group.steps[step] || !other.steps[step]) return [];
      const a = sharesOf(data, setOf(data, group), group.steps[step]), b = sharesOf(data, setOf(data, other), other.steps[step]);
      return layers.map(
        (layer, row) => ({ row, column, layer, head: heads[column], channels: channels[row], value: a[row] - b[row], one: a[row], other: b[row] }));
    });
    return report.figure({
      id,
      title: `${state.one} minus ${state.other}`,
      rows: cells,
      least: Math.min(900, 120 + heads.length * 26),
      columns: [
        ...columns("net").slice(0, 2), { name: "difference", value: (row) => row.value, text: (row) => report.percent(row.value, 1), number: true },
        { name: "kept_" + state.one, value: (row) => row.one, number: true }, { name: "kept_" + state.other, value: (row) => row.other, number: true }
      ],
      text: `Share of channels kept for ${state.one} less that for ${state.other}, ${
        first[0].net}, after the last cut, means over seeds: the layers that one task needs more than the other.`,
      draw: (svg, width) => heat(svg, width, {
        layers,
        heads,
        cells,
        color: (value) => differenceColor(value),
        text: (cell) => (cell.value > 0.005 ? "+" : "") + perCent(cell),
        tip: (cell) => `${cell.layer}, ${cell.head}\n${state.one} keeps ${report.percent(cell.one, 1)}, ${state.other} ${report.percent(cell.other, 1)}`,
        legend: twoNames(scaleBar(differenceColor, -1, 1, "points", report.inPercent), `blue: kept more for ${state.other}; red: for ${state.one}`)
      }),
    });
  };

  report.kept = (data) => {
    const groups = groupsOf(data);
    if (groups.length === 0) return [el("p", { class: "note" }, "No net is cut yet.")];
    if (!groups.includes(state.group)) state.group = groups[0];
    state.at = "last";
    if (!data.taskNames.includes(state.one) || !data.taskNames.includes(state.other)) [state.one, state.other] = data.taskNames;
    const first = el("div"), second = el("div"), third = el("div");
    const show = () => {
      first.replaceChildren(bySteps(data, state.group));
      second.replaceChildren(byNets(data, state.group));
    };
    const compare = () => third.replaceChildren(byTasks(data));
    show();
    compare();
    const cuts = d3.max(groups, (group) => group.steps.length) - 1;
    return [
      el("div", { class: "controls" },
        report.select("Trials of", groups.map((group, i) => [String(i), label(group)]), String(groups.indexOf(state.group)),
          (value) => {
            state.group = groups[Number(value)];
            show();
          })),
      first,
      el("div", { class: "controls" },
        report.select("After", [["last", "the last cut"], ...d3.range(1, cuts + 1).map((cut) => [String(cut), "cut " + cut])], state.at,
          (value) => {
            state.at = value;
            show();
          })),
      second,
      data.taskNames.length > 1 ? el("div", { class: "controls" },
        report.select("Task", data.taskNames.map((task) => [task, task]), state.one,
          (value) => {
            state.one = value;
            compare();
          }),
        report.select("minus", data.taskNames.map((task) => [task, task]), state.other,
          (value) => {
            state.other = value;
            compare();
          })) :
                                  null,
      third,
    ];
  };
})();
