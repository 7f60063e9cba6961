// The page's namespace: elements made without markup, so that names from the run stay text, and the document's columns unpacked.
const report = {};

(() => {
  "use strict";

  const svgNames = new Set(["svg", "g", "path", "rect", "circle", "line", "text", "title", "a"]);

  const append = (element, child) => {
    if (child === null || child === undefined || child === false) return;
    if (Array.isArray(child))
      child.forEach((each) => append(element, each));
    else
      element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  };

  /** An HTML element. Attributes that are functions listen to events; null and false leave an attribute out. */
  report.el = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function")
        element.addEventListener(key, value);
      else
        element.setAttribute(key, value === true ? "" : String(value));
    }
    append(element, children);
    return element;
  };

  /** All that a part shows of a run that has no net to show. */
  report.noNet = () => [report.el("p", { class: "note" }, "No net is made yet.")];

  /** A labelled selection: options are [value, text]. */
  report.select = (label, options, value, change) => {
    const box = report.el(
      "select", { change: () => change(box.value) }, options.map(([key, text]) => report.el("option", { value: key, selected: key === value }, text)));
    return report.el("label", { class: "control" }, label + " ", box);
  };

  report.checkbox = (label, checked, change) => {
    const box = report.el("input", { type: "checkbox", change: () => change(box.checked) });
    box.checked = checked;
    return report.el("label", { class: "control" }, box, " " + label);
  };

  const unpack = (column) => (column && column.names ? column.at.map((at) => column.names[at]) : column);

  const table = (part) => Object.fromEntries(Object.entries(part).map(([key, value]) => [key, unpack(value)]));

  /** Makes the document's columns rows and lets nets, trials and groups know each other. */
  report.load = (document) => {
    const data = Object.assign({}, document);
    const nets = table(document.nets), trials = table(document.trials);
    const beyond = new Set(nets.beyond);
    data.trials = d3.range(trials.count).map((i) => ({
      index: i,
      number: trials.trial[i],
      name: trials.name[i],
      role: trials.role[i],
      task: trials.task[i],
      net: trials.net[i],
      criterion: trials.criterion[i],
      schedule: trials.schedule[i],
      state: trials.state[i],
      failure: trials.failure[i],
      width: trials.width[i],
      seed: trials.seed[i],
      fold: trials.fold[i],
      nets: trials.nets[i],
    }));
    data.nets = d3.range(nets.count).map((i) => ({
      index: i,
      label: nets.label[i],
      stage: nets.stage[i],
      kind: nets.kind[i],
      parent: nets.parent[i],
      step: nets.step[i],
      trial: data.trials[nets.trial[i]] || null,
      params: nets.params[i],
      macs: nets.macs[i],
      val: nets.val[i],
      test: nets.test[i],
      before: nets.before[i],
      eta: nets.eta[i],
      wall_s: nets.wall_s[i],
      criterion: nets.criterion[i],
      request: nets.request[i],
      beyond: beyond.has(i),
      front: false,
      latency: {},
    }));
    for (const measures of Object.values(data.fronts))
      for (const front of Object.values(measures))
        front.forEach((net) => {
          data.nets[net].front = true;
        });
    const latencies = table(document.latencies);
    data.latencies = latencies.net.map((net, i) => {
      data.nets[net].latency["latency, " + latencies.measure[i]] = latencies.p50_ms[i];
      return {
        net: data.nets[net],
        measure: latencies.measure[i],
        p50: latencies.p50_ms[i],
        p95: latencies.p95_ms[i],
        runs: latencies.runs[i],
        peak: latencies.peak_bytes[i],
        file: latencies.file_bytes[i],
        estimate: latencies.estimate_ms[i]
      };
    });
    data.measures = Array.from(new Set(data.latencies.map((row) => "latency, " + row.measure)));
    data.timeline = table(document.timeline);
    data.search = { volumes: table(document.search.volumes), decisions: table(document.search.decisions) };
    data.criteria = Array.from(new Set(data.trials.filter((trial) => trial.role === "pruned").map((trial) => trial.criterion)));
    data.taskNames = Array.from(new Set(data.trials.map((trial) => trial.task)));
    return data;
  };

  /** Whether a net is the uncut start of trials, a baseline or a cut: "base", "baseline", "pruned". */
  report.roleOf = (net) => (net.trial && net.trial.role === "baseline" ? "baseline" : net.step === 0 ? "base" : "pruned");

  report.svgNames = svgNames;
})();
