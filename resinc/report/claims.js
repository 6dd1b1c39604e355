"use strict";
// Draws a figure when its claim is first opened, in the colours of the page.
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const claims = [...document.querySelectorAll("details")];
const button = document.getElementById("all");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function themed(figure) {
  const ink = colour("--ink"), line = colour("--line"), back = colour("--back");
  // Colours are values of their own: text that says "ink" stays as it is.
  const painted = (key, value) => (/colou?r$/.test(key) && value === "ink" ? ink : value);
  const { data, layout } = JSON.parse(JSON.stringify(figure), painted);
  for (const axis of [layout.xaxis, layout.yaxis]) {
    Object.assign(axis, { gridcolor: line, zeroline: false, linecolor: ink });
  }
  Object.assign(layout, {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    hoverlabel: { bgcolor: back, bordercolor: line, font: { color: ink } },
  });
  return { data, layout };
}

function draw(place) {
  const figure = figures[place.dataset.figure];
  if (!figure.data.some((trace) => trace.x.some((x) => x !== null))) return;
  const { data, layout } = themed(figure);
  const options = { responsive: true, displayModeBar: false, displaylogo: false };
  Plotly.react(place, data, layout, options);
}

function drawOpen() {
  for (const place of document.querySelectorAll("details[open] .plot")) draw(place);
}

function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named && named.tagName === "DETAILS") named.open = true;
}

for (const claim of claims) {
  claim.addEventListener("toggle", () => {
    if (claim.open) claim.querySelectorAll(".plot").forEach(draw);
    const all = claims.every((other) => other.open);
    button.setAttribute("aria-expanded", String(all));
    button.textContent = all ? "Close all" : "Open all";
  });
}
button.addEventListener("click", () => {
  const open = button.getAttribute("aria-expanded") !== "true";
  for (const claim of claims) claim.open = open;
});
dark.addEventListener("change", drawOpen);
window.addEventListener("hashchange", openNamed);
openNamed();
