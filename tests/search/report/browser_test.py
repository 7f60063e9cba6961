"""Looks at the report of support/report_run.h in headless Chromium: what is drawn against what the run holds, the files it gives away, the
keyboard, narrow and dark screens, paper, and that nothing of the run is taken for markup.

usage: browser_test.py NAS_RUN MAKE_REPORT_RUN. Exits 77 where python3-selenium or chromium-driver is not installed.
"""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

try:
    from selenium import webdriver
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select
except ImportError:
    print("skipped: python3-selenium is not installed")
    sys.exit(77)
if not shutil.which("chromedriver"):
    print("skipped: chromium-driver is not installed")
    sys.exit(77)

CONTROLS = "a[href], button:not(:disabled), select, input, summary"


def equal(found, wanted, what):
    assert found == wanted, f"{what}: {found!r}, wanted {wanted!r}"


class Page:
    """One window on the report."""

    def __init__(self, driver, address, width, height, scheme):
        self.driver = driver
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        driver.get(address)

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, body, *arguments):
        return self.driver.execute_script(body, *arguments)

    def until(self, what, condition, *arguments):
        """Waits until the script returns true."""
        for _ in range(100):
            if self.js(condition, *arguments):
                return
            time.sleep(0.05)
        raise AssertionError("in vain waited for " + what)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def go(self, view):
        self.js("location.hash = '#' + arguments[0]", view)
        self.until("view " + view, """
            const section = document.getElementById(arguments[0]);
            return section && !section.hidden && Array.from(section.querySelectorAll(".plot svg")).every((svg) => svg.childNodes.length > 0);
            """, "view-" + view.split("/")[0])

    def check_counts(self, wanted):
        """Charts are drawn a frame after their place is there."""
        for selector, number in wanted.items():
            try:
                self.until(selector, "return document.querySelectorAll(arguments[0]).length === arguments[1]", selector, number)
            except AssertionError:
                equal(len(self.all(selector)), number, selector)

    def check_text(self, selector, pattern):
        text = self.text(selector)
        assert re.search(pattern, text), f"{selector}: {text!r} is not like {pattern!r}"

    def click(self, selector, index=0):
        element = self.all(selector)[index]
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).click().perform()

    def select(self, selector, index, option):
        select = Select(self.all(selector)[index])
        values = [each.get_attribute("value") for each in select.options]
        select.select_by_value(option) if option in values else select.select_by_visible_text(option)

    def unreached(self, view):
        """What Tab does not reach."""
        self.go(view)
        total = self.js("""document.activeElement.blur();
            return Array.from(document.querySelectorAll(arguments[0])).filter((element) => element.getClientRects().length > 0).length""", CONTROLS)
        for _ in range(total + 30):
            ActionChains(self.driver, duration=0).send_keys(Keys.TAB).perform()
            self.js("document.activeElement.dataset.reached = 'yes'")
        return self.js("""return Array.from(document.querySelectorAll(arguments[0]))
            .filter((element) => element.getClientRects().length > 0 && !element.dataset.reached).map((element) => element.outerHTML.slice(0, 120))""",
                       CONTROLS)


def check_answer(page, height):
    """The page opens on the net to take, with the front in view."""
    equal(page.js("return location.hash"), "", "the view that the page opens on")
    page.check_counts({"#figure-front .mark.mean": 7, "#figure-front .mark.baseline": 1, "#figure-front .whisker": 8, "#figure-front .ring": 3})
    page.check_text(".answer h3", r"^clothes: take vgg, lda-wilks, (gradual, step 2|one-shot, step 1)$")
    page.check_text(".export", r"^nas-run export .*run [89] --step [12] -o small.py$")
    page.check_text("#figure-controls tbody", r"^vgg, whole.*narrow-vgg \(width 0.5\), from scratch.*undecided")
    for selector in (".answer h3", "#figure-front svg"):
        top = page.js("return document.querySelector(arguments[0]).getBoundingClientRect().top", selector)
        assert 0 < top < height - 100, f"{selector} begins at {top} of {height}"


def check_drawn(page):
    page.check_counts({"#figure-sharing .mark": 4, "#figure-failures .mark": 1, "#figure-stages tbody tr": 5})
    page.check_text("#view-overview .tiles", r"Trials2120 done, 1 failed.*Stages8988 done, 1 failed")
    page.check_text("#view-overview", "88 run132 without")
    page.go("pareto")
    page.check_counts({"#figure-pareto .mark.front": 4, "#figure-pareto .mark.net": 10, "#figure-pareto .mark.baseline": 1, "#figure-pareto .whisker": 1})
    page.select("#view-pareto select", 3, "means")
    page.check_counts({"#figure-pareto .mark.mean": 7, "#figure-pareto .ring": 3})
    side_by_side = page.js("""return Array.from(document.querySelectorAll("#figure-pareto .mark.mean"))
        .map((mark) => mark.getAttribute("transform").split(",")[0]).filter((place, i, all) => all.indexOf(place) !== i).length""")
    equal(side_by_side, 0, "means that stand at the same place")
    page.select("#view-pareto select", 2, "latency, batch 1, torchscript, cpu, 1 thread")
    page.check_counts({"#figure-pareto .mark.mean": 3, "#figure-pareto .mark.baseline": 1})
    page.go("baselines")
    page.check_counts({"#figure-baselines .mark.line": 6, "#figure-baselines-2 .mark.line": 6, "#figure-baselines .whisker": 6})
    page.go("curves")
    page.check_counts({"#figure-curves .mark.point": 10, "#figure-curves .band": 4, "#figure-curves .mark.control": 2})
    page.go("kept")
    page.check_counts({"#figure-kept-steps .cell": 9, "#figure-kept-nets .cell": 12, "#figure-kept-tasks .cell": 12})
    equal([cell.text for cell in page.all("#figure-kept-steps .celltext")], ["100"] * 3 + ["50"] * 3 + ["25"] * 3, "kept")
    page.go("lineage")
    page.check_counts({"#figure-lineage .node": 7, "#figure-lineage .edge": 6})
    page.go("latency")
    page.check_counts({"#figure-latency .mark.timed": 4, "#figure-latency .promise": 1})
    page.go("search")
    page.check_counts({"#figure-volumes .mark.volume": 3, "#figure-volumes .curve": 2, "#figure-decisions tbody tr": 2, "#figure-decisions tbody a": 1})
    page.check_text("#figure-decisions tbody", "<b>since</b> it is large")
    page.go("robustness")
    page.check_counts({"#figure-robustness .mark.point": 24, "#figure-robustness .band": 8})
    page.go("timeline")
    page.check_text("#figure-timeline summary", "89 rows")
    assert len(page.all("#figure-timeline .block")) > 20
    page.go("trials")
    page.check_counts({"#figure-trials tbody tr": 21})
    page.all("#view-trials input")[0].send_keys("lda-wilks one-shot s2")
    page.check_counts({"#figure-trials tbody tr": 2})
    page.go("net/5")
    page.check_counts({"#figure-training .mark.epoch": 18, "#figure-training .mark.before": 2, "#figure-widths .mark": 3, "#figure-scores .mark": 3,
                       "#figure-confusion .mark": 6})
    page.check_text("#view-net", "export .*run 3 --step 2 -o net.py")
    page.check_text("#view-net", "before retraining: 18.00 % as cut, 38.00 % with batch norm estimated anew, 58.00 % refitted")


FRONT = "\r\n".join([
    'net,trial,step,accuracy_val,accuracy_test,params,macs,"latency, batch 1, torchscript, cpu, 1 thread (ms)","latency, batch 64, torchscript, cpu, 1 thread (ms)"',
    "clothes vgg lda-wilks gradual 2/2 seed 2,8,2,0.882,0.872,63,6300,,", "clothes vgg lda-wilks one-shot 1/1 seed 2,9,1,0.882,0.872,63,6300,,",
    "clothes vgg lda-wilks gradual 1/2 seed 2,8,1,0.892,0.882,250,25000,,", "clothes vgg seed 2,6,0,0.902,0.892,1000,100000,,", ""])


def check_files(page, folder):
    page.cdp("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def download(button):
        """Name and text of the file that the button gives."""
        page.click(button)
        for _ in range(200):
            files = [file for file in folder.iterdir() if not file.name.startswith(".") and file.suffix != ".crdownload"
                     and file.stat().st_size > 0]  # the browser makes an empty file first
            if files:
                name, text = files[0].name, files[0].read_bytes().decode()
                files[0].unlink()
                return name, text
            time.sleep(0.05)
        raise AssertionError("no file came of " + button)

    page.go("pareto")
    equal(download("#figure-pareto .csv"), ("nas-run-pareto.csv", FRONT), "the front")
    name, svg = download("#figure-pareto .actions .svg")
    equal(name, "nas-run-pareto.svg", "the picture")
    root, paths, styled, space = page.js("""
        const root = new DOMParser().parseFromString(arguments[0], "image/svg+xml").documentElement;
        return [root.nodeName, root.querySelectorAll("path").length, !/var\\(--/.test(arguments[0]), root.namespaceURI];""", svg)
    equal((root, space, styled), ("svg", "http://www.w3.org/2000/svg", True), "the picture")
    assert paths > 15, f"{paths} paths"
    page.go("baselines")
    table = download("#figure-baselines .csv")[1]  # 0.89 and 0.892: 0.891 +- 12.7062 * 0.0014142 / sqrt(2)
    equal(table.split("\r\n")[1], '"vgg, base",base,2,0.901,0.891,0.87829,0.90371,1000,1,100000,1', "the baselines")
    page.go("latency")  # a quarter of the channels: a quarter of the 8 ms, a sixteenth of the MACs
    timed = download("#figure-latency .csv")[1].split("\r\n")
    for line in ("clothes vgg l1 gradual 2/2 seed 1,clothes vgg seed 1,2,3,50,4,15.873015873015873,252,4096",
                 "clothes narrow seed 1,clothes vgg seed 1,4,6,50,2,4,1000,4096"):
        assert line in timed, timed
    page.go("baselines")
    page.click("#figure-baselines summary")
    page.check_counts({"#figure-baselines tbody tr": 6})


def background(page):
    return page.js("return getComputedStyle(document.body).backgroundColor")


def check_problems(driver, address):
    """Nothing but the page itself was asked for, and nothing complained."""
    said = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
    equal(said, [], "the console")
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    equal({url for url in asked if not re.match("(blob|data):", url)}, {address}, "requests")


def look(driver, address, folder):
    page = Page(driver, address, 1400, 900, "light")
    check_answer(page, 900)
    page.go("overview")
    assert len(base64.b64decode(page.cdp("Page.printToPDF")["data"])) > 20000  # paper has every view, also those that were not looked at yet
    page.check_counts({"#view-timeline .plot svg": 1, "#view-lineage .node": 7})
    check_drawn(page)
    driver.refresh()
    check_files(page, folder)

    page.go("pareto")
    page.click("#figure-pareto .frontlink", 2)
    page.until("the net's page", "return location.hash === '#net/12'")
    page.check_text("#view-net .netname", "^clothes vgg lda-wilks gradual 1/2 seed 2")
    for view in ("overview", "pareto", "trials", "net/5"):
        equal(page.unreached(view), [], "Tab in " + view)
    page.check_counts({"img": 0, "main b": 0, "script:not([type])": 1})
    policy = page.all('meta[http-equiv="Content-Security-Policy"]')[0].get_attribute("content")
    assert re.match(r"default-src 'none'; script-src 'sha256-[^;]*'; .*connect-src 'none'", policy), policy
    check_problems(driver, address)

    driver.switch_to.new_window("tab")
    narrow = Page(driver, address, 400, 800, "dark")
    equal(background(narrow), "rgb(20, 23, 27)", "dark")
    check_answer(narrow, 800)
    for view in ("overview", "pareto", "baselines", "curves", "kept", "lineage", "latency", "robustness", "search", "timeline", "trials", "net/5"):
        narrow.go(view)
        assert narrow.js("return document.documentElement.scrollWidth") <= 400, view + " scrolls sideways"
    narrow.click("#theme")
    equal(background(narrow), "rgb(255, 255, 255)", "light")
    check_problems(driver, address)


def look_at_nothing(driver, address):
    """A run that was stopped before it had planned a trial."""
    page = Page(driver, address, 1400, 1000, "light")
    views = page.js("return Array.from(document.querySelectorAll('main > section')).map((section) => section.id.replace('view-', ''))")
    assert len(views) == 12, views
    for view in views:
        page.go(view)
        text = page.js("return document.getElementById('view-' + arguments[0]).innerText", view)
        assert text.strip() and "undefined" not in text and "NaN" not in text, view + ": " + text
    page.check_text("#view-pareto .note", "^No net is made yet")
    check_problems(driver, address)


def main():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "files").mkdir()
        subprocess.run([sys.argv[2], folder / "run"], check=True)
        (folder / "empty").mkdir()
        (folder / "empty" / "experiment.db").touch()
        for run in ("run", "empty"):
            subprocess.run([sys.argv[1], "report", folder / run], check=True)
        driver = webdriver.Chrome(service=webdriver.chrome.service.Service(shutil.which("chromedriver")), options=options)
        try:
            look(driver, (folder / "run" / "report.html").as_uri(), folder / "files")
            look_at_nothing(driver, (folder / "empty" / "report.html").as_uri())
        finally:
            driver.quit()
    print("all as expected")


main()
