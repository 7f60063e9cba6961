// What ran when, in which slot.
(() => {
  "use strict";

  const { el } = report;
  const state = { session: null };
  const looks = { probe: 6, train: 0, prune: 1, extend: 2, evaluate: 3, latency: 4, robustness: 5 };
  const look = (kind) => report.look(looks[kind] === undefined ? 7 : looks[kind]);
  const ends = { failed: "failed", interrupted: "interrupted", running: "running" };

  const labelOf = (data, i) => (data.timeline.net[i] >= 0 ? data.nets[data.timeline.net[i]].label : data.timeline.labels[i] || "");

  /** Neighbours that are too narrow to tell apart become one block, so that a day of a thousand slots is drawn as fast as a minute. */
  const blocksOf = (spans, x) => {
    const blocks = [];
    d3.nest().key((span) => span.lane).entries(spans).forEach(({ values }) => {
      let last = null;
      values.sort((one, other) => one.start - other.start).forEach((span) => {
        const from = x(span.start), to = x(span.start + span.length);
        if (last && last.kind === span.kind && last.state === span.state && to - from < 2 && from - last.to < 1) {
          last.to = Math.max(last.to, to);
          last.spans.push(span);
        } else {
          last = { kind: span.kind, state: span.state, lane: span.lane, from, to, spans: [span] };
          blocks.push(last);
        }
      });
    });
    return blocks;
  };

  const chart = (data) => {
    const { timeline } = data;
    const spans =
      d3.range(timeline.start.length)
        .filter((i) => timeline.session[i] === state.session)
        .map(
          (i) => (
            { index: i, lane: timeline.lane[i], start: timeline.start[i], length: timeline.length[i] || 0, kind: timeline.kind[i], state: timeline.state[i] }));
    const first = d3.min(spans, (span) => span.start), last = d3.max(spans, (span) => span.start + span.length);
    const lanes = Array.from(new Set(spans.map((span) => span.lane))).sort((one, other) => one - other);
    const busy = d3.sum(spans, (span) => span.length), kinds = Array.from(new Set(spans.map((span) => span.kind)));
    return report.figure({
      id: "timeline",
      title: "Slots over time",
      rows: spans,
      text: `${spans.length} stages in ${report.duration(last - first)} on ${lanes.length} slot${lanes.length === 1 ? "" : "s"}, busy ${
              report.percent(busy / Math.max(1e-9, (last - first) * lanes.length), 1)} of the time. `
        +
        `Time 0 is ${timeline.began}. A stage that was tried several times is drawn as often. A slot ? is of a run before slots were stored.`,
      legend: [
        ...kinds.map((kind) => ({ name: kind, mark: report.blockMark(look(kind).color) })),
        ...Object.keys(ends)
          .filter((end) => spans.some((span) => span.state === end))
          .map((end) => ({ name: end + " (outlined)", mark: report.blockMark("none", "var(--ink)") }))
      ],
      columns: [
        { name: "slot", value: (row) => `${timeline.lanes[row.lane].device}, ${timeline.lanes[row.lane].slot}` },
        { name: "kind", value: (row) => row.kind },
        { name: "net", value: (row) => labelOf(data, row.index), href: (row) => (timeline.net[row.index] >= 0 ? "#net/" + timeline.net[row.index] : null) },
        { name: "state", value: (row) => row.state },
        { name: "start_s", value: (row) => row.start, number: true },
        { name: "wall_s", value: (row) => row.length, number: true },
      ],
      draw: (svg, width) => {
        const left = width < 600 ? 34 : 130, top = 8, row = Math.max(4, Math.min(26, 520 / lanes.length)), height = top + lanes.length * row + 44;
        const unit = last - first > 7200 ? [3600, "hours"] : last - first > 120 ? [60, "minutes"] : [1, "seconds"];
        const x = d3.scaleLinear([first, Math.max(last, first + 1e-3)], [left, width - 12]);
        const scale = d3.scaleLinear([first / unit[0], Math.max(last, first + 1e-3) / unit[0]], [left, width - 12]);
        svg.append("g")
          .attr("class", "axis")
          .attr("transform", `translate(0,${height - 40})`)
          .call(d3.axisBottom(scale).ticks(Math.max(3, Math.floor(width / 100))).tickSizeOuter(0));
        svg.append("text").attr("class", "axisname").attr("x", (left + width) / 2).attr("y", height - 6).attr("text-anchor", "middle").text(unit[1]);
        const y = new Map(lanes.map((lane, i) => [lane, top + i * row]));
        if (row >= 10)
          lanes.forEach((lane) => {
            const { device, slot } = timeline.lanes[lane];
            report.shorten(svg.append("text")
                             .attr("class", "soft")
                             .attr("x", left - 6)
                             .attr("y", y.get(lane) + row / 2 + 4)
                             .attr("text-anchor", "end")
                             .text(width < 600 ? slot : `${device}, ${slot}`),
              left - 8);
          });
        const marks = svg.selectAll(".block")
                        .data(blocksOf(spans, x))
                        .enter()
                        .append("rect")
                        .attr("class", (block) => "mark block " + block.state)
                        .attr("x", (block) => block.from)
                        .attr("y", (block) => y.get(block.lane) + 0.5)
                        .attr("width", (block) => Math.max(0.8, block.to - block.from - (block.to - block.from > 3 ? 0.8 : 0)))
                        .attr("height", row - 1)
                        .attr("fill", (block) => look(block.kind).color);
        marks.on("click", (block) => {
          const net = timeline.net[block.spans[0].index];
          if (net >= 0) location.hash = "#net/" + net;
        });
        report.tip(marks,
          (block) => (block.spans.length > 1 ? `${block.spans.length} stages, ${block.kind}` : `${block.kind}: ${labelOf(data, block.spans[0].index)}`)
            + `\n${block.state}, ${report.duration(d3.sum(block.spans, (span) => span.length))}`);
        return height;
      },
    });
  };

  report.timeline = (data) => {
    const { timeline } = data, sessions = Array.from(new Set(timeline.session)).sort((one, other) => one - other);
    if (sessions.length === 0) return [el("p", { class: "note" }, "No stage has run yet.")];
    const spanOf = (session) => {
      const own = d3.range(timeline.start.length).filter((i) => timeline.session[i] === session);
      return { count: own.length, start: d3.min(own, (i) => timeline.start[i]) };
    };
    const spans = sessions.map(spanOf);
    if (!sessions.includes(state.session)) state.session = sessions[d3.scan(spans, (one, other) => other.count - one.count)];
    const place = el("div"), show = () => place.replaceChildren(chart(data));
    show();
    return [
      sessions.length > 1 ? el("div", { class: "controls" },
        report.select("Session",
          sessions.map((session, i) => [String(session), `${i + 1}: after ${report.duration(spans[i].start)}, ${spans[i].count} stages`]),
          String(state.session),
          (value) => {
            state.session = Number(value);
            show();
          })) :
                            null,
      place,
    ];
  };
})();
