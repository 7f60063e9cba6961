// Looks at the report of support/report_run.h in headless Chromium: what is drawn against what the run holds, the files it gives away, the
// keyboard, narrow and dark screens, paper, and that nothing of the run is taken for markup. usage: report_test.js REPORT.html
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const address = pathToFileURL(process.argv[2]).href;
const problems = [];

const watch = (page) => {
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push("console: " + message.text()); });
  page.on("pageerror", (error) => problems.push("error: " + error.message));
  page.on("dialog", (dialog) => { problems.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url() !== address && !/^(blob|data):/.test(request.url())) problems.push("request: " + request.url()); });
};

const go = async (page, view) => {
  await page.evaluate((to) => { location.hash = "#" + to; }, view);
  await page.waitForFunction((id) => {
    const section = document.getElementById(id);
    return section && !section.hidden && Array.from(section.querySelectorAll(".plot svg")).every((svg) => svg.childNodes.length > 0);
  }, "view-" + view.split("/")[0]);
};

const count = (page, selector) => page.locator(selector).count();

/** Charts are drawn a frame after their place is there. */
const counts = async (page, wanted) => {
  for (const [selector, number] of Object.entries(wanted)) {
    await page.waitForFunction(([which, expected]) => document.querySelectorAll(which).length === expected, [selector, number], { timeout: 5000 }).catch(() => {});
    assert.equal(await count(page, selector), number, selector);
  }
};

const download = async (page, button) => {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return [file.suggestedFilename(), fs.readFileSync(await file.path(), "utf8")];
};

/** Marks what Tab reaches and returns what it does not. */
const unreached = async (page, view) => {
  await go(page, view);
  const controls = "a[href], button:not(:disabled), select, input, summary";
  const total = await page.evaluate((selector) => {
    document.activeElement.blur();
    return Array.from(document.querySelectorAll(selector)).filter((element) => element.getClientRects().length > 0).length;
  }, controls);
  for (let presses = 0; presses < total + 30; ++presses) {
    await page.keyboard.press("Tab");
    await page.evaluate(() => { document.activeElement.dataset.reached = "yes"; });
  }
  return page.evaluate((selector) => Array.from(document.querySelectorAll(selector))
    .filter((element) => element.getClientRects().length > 0 && !element.dataset.reached).map((element) => element.outerHTML.slice(0, 120)), controls);
};

const drawn = async (page) => {
  await counts(page, { "#figure-sharing .mark": 4, "#figure-failures .mark": 1, "#figure-stages tbody tr": 5 });
  assert.match(await page.textContent("#view-overview .tiles"), /Trials2120 done, 1 failed.*Stages8988 done, 1 failed/);
  assert.match(await page.textContent("#view-overview"), /88 run134 without/);
  await go(page, "pareto");
  await counts(page, { "#figure-pareto .mark.front": 4, "#figure-pareto .mark.net": 10, "#figure-pareto .mark.baseline": 1, "#figure-pareto .whisker": 1 });
  await page.selectOption("#view-pareto select >> nth=3", "means");
  await counts(page, { "#figure-pareto .mark.mean": 7 });
  await page.selectOption("#view-pareto select >> nth=2", "latency, batch 1, torchscript, cpu, 1 thread");
  await counts(page, { "#figure-pareto .mark.mean": 3, "#figure-pareto .mark.baseline": 1 });
  await go(page, "baselines");
  await counts(page, { "#figure-baselines .mark.line": 6, "#figure-baselines-2 .mark.line": 6, "#figure-baselines .whisker": 6 });
  await go(page, "curves");
  await counts(page, { "#figure-curves .mark.point": 10, "#figure-curves .band": 4, "#figure-curves .mark.control": 2 });
  await go(page, "kept");
  await counts(page, { "#figure-kept-steps .cell": 9, "#figure-kept-nets .cell": 12, "#figure-kept-tasks .cell": 12 });
  assert.deepEqual(await page.locator("#figure-kept-steps .celltext").allTextContents(), ["100", "100", "100", "50", "50", "50", "25", "25", "25"]);
  await go(page, "lineage");
  await counts(page, { "#figure-lineage .node": 7, "#figure-lineage .edge": 6 });
  await go(page, "latency");
  await counts(page, { "#figure-latency .mark.timed": 4, "#figure-latency .promise": 1 });
  await go(page, "search");
  await counts(page, { "#figure-volumes .mark.volume": 3, "#figure-volumes .curve": 2, "#figure-decisions tbody tr": 2, "#figure-decisions tbody a": 1 });
  assert.match(await page.textContent("#figure-decisions tbody"), /<b>since<\/b> it is large/);
  await go(page, "robustness");
  await counts(page, { "#figure-robustness .mark.point": 24, "#figure-robustness .band": 8 });
  await go(page, "timeline");
  assert.match(await page.textContent("#figure-timeline summary"), /89 rows/);
  assert.ok(await count(page, "#figure-timeline .block") > 20);
  await go(page, "trials");
  await counts(page, { "#figure-trials tbody tr": 21 });
  await page.fill("#view-trials input", "lda-wilks one-shot s2");
  await page.waitForFunction(() => document.querySelectorAll("#figure-trials tbody tr").length === 2);
  await go(page, "net/5");
  await counts(page, { "#figure-training .mark.epoch": 18, "#figure-training .mark.before": 2, "#figure-widths .mark": 3, "#figure-scores .mark": 3, "#figure-confusion .mark": 6 });
  assert.match(await page.textContent("#view-net"), /export .*run 3 --step 2 --to torchscript/);
  assert.match(await page.textContent("#view-net"), /before retraining: 18.00 % as cut, 38.00 % with batch norm estimated anew, 58.00 % refitted/);
};

const front = [
  'net,trial,step,accuracy_val,accuracy_test,params,macs,"latency, batch 1, torchscript, cpu, 1 thread (ms)","latency, batch 64, torchscript, cpu, 1 thread (ms)"',
  "clothes vgg lda-wilks gradual 2/2 seed 2,8,2,0.882,0.872,63,6300,,", "clothes vgg lda-wilks one-shot 1/1 seed 2,9,1,0.882,0.872,63,6300,,",
  "clothes vgg lda-wilks gradual 1/2 seed 2,8,1,0.892,0.882,250,25000,,", "clothes vgg seed 2,6,0,0.902,0.892,1000,100000,,", "",
].join("\r\n");

const files = async (page) => {
  await go(page, "pareto");
  assert.deepEqual(await download(page, "#figure-pareto .csv"), ["nas-run-pareto.csv", front]);
  const [name, svg] = await download(page, "#figure-pareto .actions .svg");
  assert.equal(name, "nas-run-pareto.svg");
  const parsed = await page.evaluate((text) => {
    const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    return { name: root.nodeName, paths: root.querySelectorAll("path").length, styled: !/var\(--/.test(text), space: root.namespaceURI };
  }, svg);
  assert.equal(parsed.name, "svg");
  assert.equal(parsed.space, "http://www.w3.org/2000/svg");
  assert.ok(parsed.paths > 15 && parsed.styled);
  await go(page, "baselines");
  const [, table] = await download(page, "#figure-baselines .csv");  // 0.89 and 0.892: 0.891 ± 12.7062 * 0.0014142 / sqrt(2)
  assert.equal(table.split("\r\n")[1], '"vgg, base",base,2,0.901,0.891,0.87829,0.90371,1000,1,100000,1');
  await go(page, "latency");  // a quarter of the channels: a quarter of the 8 ms, a sixteenth of the MACs
  const [, timed] = await download(page, "#figure-latency .csv");
  assert.ok(timed.split("\r\n").includes("clothes vgg l1 gradual 2/2 seed 1,clothes vgg seed 1,2,3,50,4,15.873015873015873,252,4096"), timed);
  assert.ok(timed.split("\r\n").includes("clothes narrow seed 1,clothes vgg seed 1,4,6,50,2,4,1000,4096"), timed);
  await go(page, "baselines");
  await page.click("#figure-baselines summary");
  await counts(page, { "#figure-baselines tbody tr": 6 });
};

const main = async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", headless: true, args: ["--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme: "light" });
    watch(page);
    await page.goto(address);
    await go(page, "overview");
    assert.ok((await page.pdf()).length > 20000);  // paper has every view, also those that were not looked at yet
    await counts(page, { "#view-timeline .plot svg": 1, "#view-lineage .node": 7 });
    await drawn(page);
    await page.reload();
    await files(page);

    await go(page, "pareto");
    await page.click("#figure-pareto .frontlink >> nth=2", { force: true });
    await page.waitForFunction(() => location.hash === "#net/12");
    assert.match(await page.textContent("#view-net .netname"), /^clothes vgg lda-wilks gradual 1\/2 seed 2/);

    for (const view of ["overview", "pareto", "trials", "net/5"]) assert.deepEqual(await unreached(page, view), [], "Tab in " + view);
    await counts(page, { img: 0, "main b": 0, "script:not([type])": 1 });
    assert.match(await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content"), /^default-src 'none'; script-src 'sha256-[^;]*'; .*connect-src 'none'/);

    const narrow = await browser.newPage({ viewport: { width: 400, height: 800 }, colorScheme: "dark" });
    watch(narrow);
    await narrow.goto(address);
    assert.equal(await narrow.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(20, 23, 27)");
    for (const view of ["overview", "pareto", "baselines", "curves", "kept", "lineage", "latency", "robustness", "search", "timeline", "trials", "net/5"]) {
      await go(narrow, view);
      assert.ok(await narrow.evaluate(() => document.documentElement.scrollWidth) <= 400, view + " scrolls sideways");
    }
    await narrow.click("#theme");
    assert.equal(await narrow.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
  console.log("all as expected");
};

main().catch((error) => {
  console.log("FAILED: " + error.message + (problems.length > 0 ? "\n" + problems.join("\n") : ""));
  console.log(error.stack.split("\n").filter((line) => line.includes("report_test.js")).join("\n"));
  process.exit(1);
});
