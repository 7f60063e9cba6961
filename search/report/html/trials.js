// Every trial and every net, to be searched, sorted and followed.
(() => {
  "use strict";

  const { el } = report;

  const last = (trial) => {
    const made = trial.nets.filter((net) => net >= 0);
    return made.length > 0 ? report.data.nets[made[made.length - 1]] : null;
  };

  const columns = [
    { name: "trial", value: (trial) => trial.number, number: true },
    { name: "name", value: (trial) => trial.name, href: (trial) => (last(trial) ? "#net/" + last(trial).index : null) },
    { name: "task", value: (trial) => trial.task },
    { name: "net", value: (trial) => trial.net },
    { name: "criterion", value: (trial) => trial.criterion },
    { name: "schedule", value: (trial) => trial.schedule },
    { name: "seed", value: (trial) => trial.seed, number: true },
    { name: "fold", value: (trial) => trial.fold, number: true },
    { name: "state", value: (trial) => trial.state },
    {
      name: "accuracy_val",
      value: (trial) => (last(trial) ? last(trial).val : null),
      text: (trial) => report.percent(last(trial) && last(trial).val),
      number: true
    },
    {
      name: "accuracy_test",
      value: (trial) => (last(trial) ? last(trial).test : null),
      text: (trial) => report.percent(last(trial) && last(trial).test),
      number: true
    },
    { name: "macs", value: (trial) => (last(trial) ? last(trial).macs : null), text: (trial) => report.count(last(trial) && last(trial).macs), number: true },
    { name: "failure", value: (trial) => trial.failure },
  ];

  report.trials = (data) => {
    const place = el("div"), wanted = { text: "", state: "all" };
    const show = () => {
      const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = data.trials.filter(
        (trial) => (wanted.state === "all" || trial.state === wanted.state) && words.every((word) => trial.name.toLowerCase().includes(word)));
      const used =
        columns.filter((column) => !["fold", "failure"].includes(column.name) || data.trials.some((trial) => trial[column.name] || trial[column.name] === 0));
      place.replaceChildren(report.tableFigure({
        id: "trials",
        title: `${rows.length} of ${data.trials.length} trials`,
        columns: used,
        rows,
        text: "Accuracies and MACs are those of a trial's last net; its name leads to that net's page."
      }));
    };
    let waiting = null;
    const search = el("input", {
      type: "search",
      placeholder: "words of the name",
      input: () => {
        wanted.text = search.value;
        clearTimeout(waiting);
        waiting = setTimeout(show, 120);
      }
    });
    show();
    const states = Array.from(new Set(data.trials.map((trial) => trial.state)));
    return [
      el("div", { class: "controls" }, el("label", { class: "control" }, "Search ", search),
        report.select("State", ["all", ...states].map((state) => [state, state]), "all",
          (value) => {
            wanted.state = value;
            show();
          })),
      place
    ];
  };
})();
