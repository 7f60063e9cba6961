// The page: views that are drawn when they are first looked at, the theme, printing, and a run that goes on.
(() => {
  "use strict";

  const { el } = report;
  const sections = new Map();

  const views = [
    ["overview", "Overview", () => report.overview],
    ["pareto", "Pareto front", () => report.pareto],
    ["baselines", "Baselines", () => report.baselines],
    ["curves", "Curves", () => report.curves],
    ["kept", "Kept channels", () => report.kept],
    ["lineage", "Lineage", () => report.lineage],
    ["latency", "Latency", () => report.latency],
    ["robustness", "Robustness", () => report.robustness],
    ["search", "Search", () => report.search],
    ["timeline", "Timeline", () => report.timeline],
    ["trials", "Trials", () => report.trials],
    ["net", "Net", () => report.net],
  ].filter(([, , view]) => view());

  /** Fills a view's section, once for each document and, of the net's page, for each net. */
  const fill = (name, argument) => {
    const section = sections.get(name), key = argument || "";
    if (section.dataset.shown === key) return section;
    const [, title, view] = views.find(([each]) => each === name);
    section.dataset.shown = key;
    section.replaceChildren(el("h2", { tabindex: "-1" }, title));
    const add = (part) => {
      if (Array.isArray(part))
        part.forEach(add);
      else if (part)
        section.append(part);
    };
    add(view()(report.data, argument));
    return section;
  };

  const route = () => {
    const [name, argument] = decodeURIComponent(location.hash.slice(1)).split("/");
    const view = sections.has(name) ? name : "overview";
    report.hideTip();
    sections.forEach((section, each) => {
      section.hidden = each !== view;
    });
    document.querySelectorAll("#nav a").forEach((link) => {
      if (link.getAttribute("href") === "#" + view)
        link.setAttribute("aria-current", "page");
      else
        link.removeAttribute("aria-current");
    });
    fill(view, argument);
    return view;
  };

  const themes = ["auto", "light", "dark"];
  const showTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    document.getElementById("theme").textContent = "Theme: " + theme;
  };

  const show = (document_) => {
    report.data = report.load(document_);
    const { data } = report, name = (data.experiment || {}).name || "nas-run";
    document.title = name + ": nas-run report";
    document.getElementById("title").textContent = name;
    document.getElementById("subtitle").textContent =
      [data.results, data.generated_at, data.tasks.map((task) => `${task.task}: ${task.dataset}, ${task.classes} classes`).join("; ")].filter(Boolean).join(
        " · ");
    document.getElementById("footer").textContent =
      "Bands and whiskers are 95 % intervals of the mean over seeds (Student's t). Validation data chooses, test data is only measured. " +
      "MACs are multiply-accumulates of convolutions and linear layers for one image.";
    sections.forEach((section) => {
      delete section.dataset.shown;
    });
    route();
  };

  const start = () => {
    const main = document.getElementById("main");
    document.getElementById("nav").append(
      ...views.filter(([name]) => name !== "net").map(([name, title]) => el("li", {}, el("a", { href: "#" + name }, title))));
    main.replaceChildren();
    views.forEach(([name, title]) => {
      const section = el("section", { id: "view-" + name, "aria-label": title, hidden: true });
      sections.set(name, section);
      main.append(section);
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      main.focus();
    });
    document.getElementById("theme").addEventListener(
      "click", () => showTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]));
    showTheme("auto");
    window.addEventListener("hashchange", () => {
      const section = sections.get(route());
      window.scrollTo(0, 0);
      section.querySelector("h2").focus({ preventScroll: true });
    });
    window.addEventListener("beforeprint", () => sections.forEach((section, name) => {
      if (name !== "net") fill(name);
      if (name !== "net" || !section.hidden) report.drawForPrint(section);
    }));
    window.addEventListener("afterprint", () => sections.forEach((section) => report.drawForScreen(section)));
    const first = JSON.parse(document.getElementById("data").textContent);
    show(first);
    if (first.refresh_s > 0) {
      shown = comparable(first);
      setTimeout(refresh, 1000 * first.refresh_s);
    }
  };

  const comparable = (document_) => JSON.stringify({...document_, generated_at: "" });
  let shown = "";

  /** Asks for the page anew and shows what has changed, but not under the hands of who uses a menu or reads a table. */
  const refresh = async () => {
    const wait = 1000 * report.data.refresh_s;
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
      const next = JSON.parse(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("data").textContent);
      const changed = comparable(next);
      if (changed !== shown && !document.querySelector("main details[open], main :focus:not(h2)")) {
        show(next);
        shown = changed;
      }
    } catch (error) {
      document.getElementById("subtitle").textContent = "The run's server does not answer; this is the state of " + report.data.generated_at + ".";
    }
    setTimeout(refresh, wait);
  };

  start();
})();
