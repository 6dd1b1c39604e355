"""What all pages share: a style sheet (system fonts, one column, light and dark) and a head."""

from string import Template

CSS = """
:root {
  --ink: #1b1c20; --soft: #5b5e68; --line: #d9dae0; --back: #fdfdfb; --link: #1d5fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e5ea; --soft: #a3a6b2; --line: #34363e; --back: #15161a; --link: #8fbdf2;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--back); color: var(--ink);
  font: 1.0625rem/1.55 Charter, "Bitstream Charter", "Iowan Old Style", Georgia, serif;
}
main {
  max-width: 68rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 4rem) clamp(1rem, 4vw, 3rem);
}
.kicker, .caption, h2, table, figcaption, dt, footer {
  font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
}
.kicker { margin: 0 0 .75rem; color: var(--soft); font-size: .9rem; }
h1 {
  margin: 0; max-width: 52rem; font-size: clamp(1.35rem, 1rem + 1.6vw, 2rem);
  font-weight: 600; line-height: 1.25; text-wrap: pretty;
}
h2 { margin: 3rem 0 .75rem; font-size: 1.05rem; font-weight: 650; }
p, li, dd { max-width: 46rem; }
figure { margin: 2.25rem 0 1.5rem; }
img { display: block; width: 100%; height: auto; }
figcaption { margin-top: 1rem; max-width: 46rem; color: var(--soft); font-size: .875rem; }
.notes { margin: 0; padding-left: 1.1rem; }
.notes li { margin: .35rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; line-height: 1.35; }
.caption { margin: .75rem 0 0; color: var(--soft); font-size: .875rem; }
th, td { padding: .45rem 1.4rem .45rem 0; text-align: left; vertical-align: baseline; }
th { border-bottom: 1.5px solid var(--ink); font-weight: 600; }
td { border-bottom: 1px solid var(--line); }
td:not(.number) { min-width: 8rem; }
.number {
  padding-right: 0; padding-left: 1.4rem; text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap;
}
@media (min-width: 60rem) { td:first-child { white-space: nowrap; } }
dl { margin: 0; }
dl div { display: grid; grid-template-columns: 13rem 1fr; gap: 1rem; padding: .4rem 0; }
dt { overflow-wrap: anywhere; color: var(--soft); font-size: .9rem; line-height: 1.65rem; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9rem; }
a { color: var(--link); }
a:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; }
@media (max-width: 40rem) {
  dl div { grid-template-columns: 1fr; gap: 0; }
}
"""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
$head<title>$title</title>
<link rel="icon" href="data:,">
<style>$css</style>
</head>
<body>
<main>
<header>
<p class="kicker">$kicker</p>
<h1>$heading</h1>
$under</header>
$body</main>
</body>
</html>
""")


def document(
    title: str,
    heading: str,
    body: str,
    *,
    kicker: str = "",
    under: str = "",
    css: str = "",
    head: str = "",
) -> str:
    """A page that loads nothing, of HTML that is escaped already.

    Args:
      title: in the browser's tab.
      heading: what the page says in one sentence.
      body: behind the header.
      kicker: a line above the heading; "": the title.
      under: below the heading, in the header.
      css: added to CSS.
      head: further elements of the head.
    """
    return _PAGE.substitute(
        title=title,
        heading=heading,
        body=body,
        kicker=kicker or title,
        under=under,
        css=CSS + css,
        head=head,
    )
