// The lineage: each base with the nets that were cut from it.
(() => {
  "use strict";

  const { el } = report;
  const state = { tree: 0 };

  const nameOf = (net) => {
    if (net.step === 0 && net.parent < 0) return net.label;
    const parent = report.data.nets[net.parent], share = parent ? net.macs / parent.macs : null;
    return (net.criterion || net.kind) + (net.kind === "prune" && share !== null ? ` ×${report.ratio(Number(share.toPrecision(2)))}` : "");
  };

  /** Of each net of a tree: `depth`, cuts from the base, and `row`, in which neighbouring nets are 1 apart and the first is 0. */
  const layout = (tree) => {
    const root = d3.stratify().id((_, i) => i).parentId((_, i) => (tree.parents[i] < 0 ? null : tree.parents[i]))(tree.nets);
    d3.tree().nodeSize([1, 1]).separation(() => 1)(root);
    const nodes = root.descendants(), first = d3.min(nodes, (node) => node.x), places = [];
    nodes.forEach((node) => {
      places[Number(node.id)] = { depth: node.depth, row: node.x - first };
    });
    return places;
  };

  const chart = (data) => {
    const { trees } = data.lineage, tree = trees[state.tree], nets = tree.nets.map((index) => data.nets[index]);
    const places = layout(tree), depth = d3.max(places, (place) => place.depth);
    /** By whose name the trials go: a cut that is no step of one is of the trials of the nets that learnt their task after it. */
    const criterionOf = (i) => {
      if (report.roleOf(nets[i]) === "pruned") return nets[i].trial.criterion;
      const child = tree.parents.indexOf(i);
      return nets[i].criterion && child >= 0 ? criterionOf(child) : null;
    };
    const edges = tree.parents.map((parent, i) => [parent, i]).filter(([parent]) => parent >= 0);
    const rows = nets.map((net) => ({ net, parent: net.parent >= 0 ? data.nets[net.parent] : null }));
    return report.figure({
      id: "lineage",
      title: `From ${nets[0].label}`,
      rows,
      least: Math.min(1000, 40 + (depth + 1) * 170),
      text: "Each net below the one that it was cut from; ×0.5: half of that net's MACs. The percentage is validation accuracy. Ringed: on a Pareto front. " +
        "Dashed: gave its widths. Click a net for its page." + (tree.left_out > 0 ? ` ${tree.left_out} nets off the fronts are left out of the drawing.` : ""),
      legend: [
        { name: "trained, not cut", mark: report.symbolMark(report.look(-1)) },
        ...data.criteria.filter((name) => nets.some((net) => report.roleOf(net) === "pruned" && net.trial.criterion === name))
          .map((name) => ({ name, mark: report.symbolMark(report.lookOf(name)) }))
      ],
      columns: [
        { name: "net", value: (row) => row.net.label, href: (row) => "#net/" + row.net.index },
        { name: "from", value: (row) => row.parent && row.parent.label, href: (row) => row.parent && "#net/" + row.parent.index },
        { name: "criterion", value: (row) => row.net.criterion },
        { name: "asked", value: (row) => row.net.request },
        { name: "params", value: (row) => row.net.params, text: (row) => report.count(row.net.params), number: true },
        { name: "macs", value: (row) => row.net.macs, text: (row) => report.count(row.net.macs), number: true },
        { name: "before_retraining", value: (row) => row.net.before, text: (row) => report.percent(row.net.before), number: true },
        { name: "accuracy_val", value: (row) => row.net.val, text: (row) => report.percent(row.net.val), number: true },
      ],
      draw: (svg, width) => {
        const gap = 23, top = 16, left = 14, step = depth > 0 ? (width - left - 150) / depth : 0;
        const x = (i) => left + places[i].depth * step, y = (i) => top + places[i].row * gap;
        const text = (net) => `${report.percent(net.val, 1)} ${nameOf(net)}`, room = depth > 0 ? step - 40 : 142;
        const after = (i) => x(i) + Math.min(room + 4, text(nets[i]).length * 6.7) + 14;  // lines begin after the text
        const curve = ([from, to]) =>
          `M${after(from)},${y(from)}C${(after(from) + x(to)) / 2},${y(from)} ${(after(from) + x(to)) / 2},${y(to)} ${x(to)},${y(to)}`;
        svg.selectAll(".edge").data(edges).enter().append("path").attr("class", "edge").attr("d", curve);
        svg.selectAll(".widthedge").data(tree.widths).enter().append("path").attr("class", "widthedge").attr("d", ([from,
          to]) => `M${x(from) - 6},${y(from)}Q${x(from) - 30},${(y(from) + y(to)) / 2} ${x(to) - 6},${y(to)}`);
        const links = svg.selectAll("a")
                        .data(nets)
                        .enter()
                        .append("a")
                        .attr("href", (net) => "#net/" + net.index)
                        .attr("aria-label", (net) => report.netText(net).replace(/\n/g, ", "))
                        .attr("transform", (net, i) => `translate(${x(i)},${y(i)})`);
        links.filter((net) => net.front).append("circle").attr("class", "ring").attr("r", 9);
        const look = (i) => report.lookOf(criterionOf(i));
        links.append("path").attr("class", "mark node").attr("d", (_, i) => report.symbolPath(look(i), 70)).attr("fill", (_, i) => look(i).color);
        links.append("text").attr("class", "halo").attr("x", 12).attr("y", 4).text(text).each(function(net, i) {
          report.shorten(d3.select(this), places[i].depth < depth ? room : 142);
        });
        report.tip(links, report.netText);
        return top + d3.max(places, (place) => place.row) * gap + 20;
      },
    });
  };

  report.lineage = (data) => {
    const { trees, left_out: treesLeftOut } = data.lineage;
    if (trees.length === 0) return report.noNet();
    if (state.tree >= trees.length) state.tree = 0;
    const place = el("div"), show = () => place.replaceChildren(chart(data));
    show();
    return [
      el("div", { class: "controls" },
        report.select("Tree of",
          trees.map((tree, i) => [String(i), `${data.nets[tree.nets[0]].label} (${tree.nets.length} net${tree.nets.length === 1 ? "" : "s"})`]),
          String(state.tree),
          (value) => {
            state.tree = Number(value);
            show();
          })),
      treesLeftOut > 0 ? el("p", { class: "note" }, `${treesLeftOut} more bases are left out to keep the page small; nas-run lineage lists all nets.`) : null,
      place,
    ];
  };
})();
