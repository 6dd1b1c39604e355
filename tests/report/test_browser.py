"""The claims page in a real browser: it draws, answers the mouse, and asks the network nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from resinc.report import claims
from tests.report import invented
from tests.report.test_claims import write

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no chromium is installed")
COMMITTED = Path(__file__).parents[2] / "experiments" / "results" / "index.html"

WATCH = """<script>
window.troubles = [];
for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"])
  window.addEventListener(kind, (e) => troubles.push([kind, e.message, e.violatedDirective]));
console.error = console.warn = (...words) => troubles.push(words.join(" "));
</script>"""

# What both scripts below call, and how what they found is handed over.
TOOLS = """<script>
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const at = (place, kind, x, y) => place.dispatchEvent(new MouseEvent(kind,
  { bubbles: true, cancelable: true, view: window, clientX: x, clientY: y, button: 0 }));
const beyond = (parts) => [...document.querySelectorAll(parts)]
  .filter((part) => part.getBoundingClientRect().right > 391).length;
async function narrow() {
  document.documentElement.style.width = "390px";
  window.dispatchEvent(new Event("resize"));
  await wait(1000);
}
function tell(found) {
  found.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.troubles = troubles;
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
}
window.addEventListener("load", () => look().then(tell).catch((error) => {
  document.title = String(error.stack);
}));
</script>"""

# Uses one figure as a reader would.
USE = """<script>
async function look() {
  const found = { closed: document.querySelectorAll(".main-svg").length };
  document.getElementById("claim-1").open = true;
  await wait(500);
  const plots = [...document.querySelectorAll("#claim-1 .plot")];
  const plot = plots[0];
  found.drawn = plots.map((p) => p.querySelectorAll(".main-svg").length > 0);
  found.note = plots[3].textContent;
  plot.scrollIntoView();
  await wait(100);

  const pad = plot.querySelector(".nsewdrag").getBoundingClientRect();
  const axis = plot._fullLayout;
  const x = pad.left + axis.xaxis.d2p(20), y = pad.top + axis.yaxis.d2p(40);
  at(plot.querySelector(".nsewdrag"), "mousemove", x, y);
  await wait(500);
  found.hover = [...plot.querySelectorAll(".hovertext")].map((t) => t.textContent).join("|");

  const before = [...axis.xaxis.range];
  const drag = plot.querySelector(".nsewdrag");
  at(drag, "mousedown", pad.left + 40, pad.top + 40);
  at(document, "mousemove", pad.left + 150, pad.top + 150);
  at(document, "mouseup", pad.left + 150, pad.top + 150);
  await wait(500);
  found.zoomed = plot._fullLayout.xaxis.range[1] < before[1];

  const entry = plot.querySelector(".legendtoggle");
  at(entry, "mousedown", 5, 5);
  at(entry, "mouseup", 5, 5);
  await wait(800);
  found.hidden = plot._fullData.filter((t) => t.visible === "legendonly").map((t) => t.name);

  document.getElementById("all").click();
  await wait(300);
  found.open = [...document.querySelectorAll("details")].every((claim) => claim.open);
  found.label = document.getElementById("all").textContent;
  document.getElementById("all").click();
  await wait(100);
  found.shut = [...document.querySelectorAll("details")].every((claim) => !claim.open);

  document.getElementById("claim-1").open = true;
  await narrow();
  found.wide = beyond("#claim-1 .panel, #claim-1 svg.main-svg, main");
  found.ink = getComputedStyle(document.body).color;
  found.text = getComputedStyle(plots[0].querySelector(".xtick text")).fill;
  return found;
}
</script>"""

# Opens every claim at phone width, and looks for what is missing or stands in the way.
OPEN = """<script>
async function look() {
  await narrow();
  document.getElementById("all").click();
  await wait(5000);
  const box = (part) => part && part.getBoundingClientRect();
  const plots = [...document.querySelectorAll(".plot")];
  const covered = plots.filter((plot) => {
    const title = box(plot.querySelector(".xtitle")), legend = box(plot.querySelector(".legend"));
    return title && legend && title.bottom > legend.top + 2;
  });
  return {
    plots: plots.length,
    undrawn: plots.filter((p) => !p.querySelector(".main-svg")).map((p) => p.dataset.figure),
    covered: covered.map((plot) => plot.dataset.figure),
    wide: beyond(".panel, svg.main-svg, main"),
  };
}
</script>"""


def visit(text, script, folder, *flags):
    """What a script finds on the page."""
    page = folder / "visited.html"
    text = text.replace("<head>", f"<head>{WATCH}", 1)
    page.write_text(text.replace("</body>", f"{script}{TOOLS}</body>"))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1200,900", *flags]
    command += ["--virtual-time-budget=30000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert found, re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]
    return json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.fixture
def invented_page(tmp_path):
    write(tmp_path, "depth-digits", invented.report())
    write(tmp_path, "gates-digits", invented.report(2))
    return claims.write(tmp_path, tmp_path / "index.html").read_text()


def test_light_page_draws_answers_and_stays_at_home(invented_page, tmp_path):
    found = visit(invented_page, USE, tmp_path)
    assert found["troubles"] == []
    assert found["requests"] == []
    assert found["closed"] == 0, "a figure was drawn before its claim was opened"
    assert found["drawn"] == [True, True, True, False]
    assert found["note"] == invented.EMPTY.note
    assert "40" in found["hover"]
    assert "56 layers" in found["hover"]
    assert found["zoomed"]
    # The thin line without a name goes with the bold one of its colour.
    assert found["hidden"] == ["", "56 layers"]
    assert (found["open"], found["label"], found["shut"]) == (True, "Close all", True)
    assert found["wide"] == 0
    assert found["text"] == found["ink"]


def test_dark_page_has_light_ink(invented_page, tmp_path):
    found = visit(invented_page, USE, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert found["troubles"] == []
    assert found["text"] == found["ink"]
    assert min(map(int, re.findall(r"\d+", found["ink"])[:3])) > 128


def test_committed_page_shows_every_figure_at_phone_width(tmp_path):
    found = visit(COMMITTED.read_text(encoding="utf-8"), OPEN, tmp_path)
    assert found["troubles"] == []
    assert found["requests"] == []
    assert found["plots"] > 30
    assert (found["undrawn"], found["covered"], found["wide"]) == ([], [], 0)
