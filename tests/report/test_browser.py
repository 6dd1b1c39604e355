"""The page of all results in a real browser: it asks the network nothing and fits a phone."""

import json
import re
import shutil
import subprocess

import pytest

from experiments.questions import QUESTIONS
from resinc.report import overview
from tests.report import invented
from tests.report.test_overview import write

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(not BROWSER, reason="no chromium is installed")

WATCH = """<script>
window.troubles = [];
for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"])
  window.addEventListener(kind, (e) => troubles.push([kind, e.message, e.violatedDirective]));
console.error = console.warn = (...words) => troubles.push(words.join(" "));
</script>"""

# Opens every row at phone width, and looks for what is missing or stands out of the page.
LOOK = """<script>
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
async function look() {
  const rows = [...document.querySelectorAll("details")];
  const closed = rows.filter((row) => !row.open).length;
  document.documentElement.style.width = "390px";
  document.querySelectorAll(".columns").forEach((row) => row.style.gridTemplateColumns = "1fr");
  for (const row of rows) row.open = true;
  await wait(500);
  const figures = [...document.querySelectorAll(".drawing")];
  const undrawn = [];
  for (const figure of figures) {
    const image = new Image();
    image.src = getComputedStyle(figure).backgroundImage.slice(5, -2);
    await image.decode().catch(() => undrawn.push(figure.className));
    if (figure.getBoundingClientRect().height < 100) undrawn.push(figure.className);
  }
  const within = (part) => part.closest(".scroll");
  const beyond = [...document.querySelectorAll("main *")]
    .filter((part) => !within(part) && part.getBoundingClientRect().right > 391);
  return {
    rows: rows.length,
    closed,
    figures: figures.length,
    undrawn,
    wide: beyond.map((part) => `${part.tagName} ${part.className} ${part.textContent}`),
    ink: getComputedStyle(document.body).color,
    ground: getComputedStyle(document.body).backgroundColor,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name)
      .filter((name) => !name.startsWith("data:")),
    troubles,
  };
}
window.addEventListener("load", () => look().then((found) => {
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
}).catch((error) => { document.title = String(error.stack); }));
</script>"""


def visit(text, folder, *flags):
    """What LOOK finds on the page, which itself allows no script."""
    page = folder / "visited.html"
    text = text.replace("style-src", "script-src 'unsafe-inline'; style-src", 1)
    text = text.replace("<head>", f"<head>{WATCH}", 1)
    page.write_text(text.replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1200,900", *flags]
    command += ["--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert found, re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]
    return json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.fixture
def page(tmp_path):
    findings = {"findings": invented.FINDINGS, "panels": [invented.MAP, invented.CURVES]}
    write(tmp_path, "degradation-digits", invented.report(**findings))
    write(tmp_path, "cost", invented.report())
    out = overview.write(tmp_path, tmp_path / "index.html", QUESTIONS)
    return out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "dark"), [((), False), (("--blink-settings=preferredColorScheme=0",), True)]
)
def test_page_opens_at_phone_width_in_light_and_dark_and_stays_at_home(page, tmp_path, flags, dark):
    found = visit(page, tmp_path, *flags)
    assert (found["troubles"], found["requests"], found["wide"]) == ([], [], [])
    hypotheses = sum(len(question.hypotheses) for question in QUESTIONS)
    assert found["closed"] == found["rows"] == hypotheses + 2  # And how each result was measured.
    # The map above, one in each row that was run, and one of each result.
    assert (found["figures"], found["undrawn"]) == (1 + len(invented.FINDINGS) + 2, [])
    ink, ground = (int(re.findall(r"\d+", found[name])[0]) for name in ("ink", "ground"))
    assert (ink > ground) == dark
