// Several runs: a table, their last sheets, and their curves over one another.
const comparison = JSON.parse(document.getElementById("data").textContent);
const HEADS = ["run", "recipe", "minutes", "thousand pictures", "pictures/s", "best KID", "after", "seen by", "verdicts"];
const byId = id => document.getElementById(id);

function colourOf(number) {
  return COLOURS[number % COLOURS.length];
}

function key(number) {
  const dash = number < COLOURS.length ? "none" : "5 4";
  return draw("svg", { viewBox: "0 0 18 8", class: "key", "aria-hidden": "true" }, draw("path", { class: `line ${colourOf(number)}`, "stroke-dasharray": dash, d: "M1 4H17" }));
}

function row(run, number) {
  const best = run.best_kid === null ? "–" : short(run.best_kid);
  const after = run.best_kid === null ? "–" : `${short(run.best_kid_minutes)} min`;
  const cells = [run.recipe || "–", short(run.minutes), short(run.kimg), short(run.pictures_per_second), best, after, run.backbone || "–", run.verdict || "–"];
  const name = make("th", { scope: "row" }, key(number), run.name);
  const line = make("tr", {}, name, ...cells.map((text, place) => make("td", { className: place > 0 && place < 6 ? "number" : "" }, text)));
  if (run.is_best) line.children[5].append(make("span", { className: "faint" }, " lowest"));
  return line;
}

function sheet(run, number) {
  const words = make("figcaption", { className: "faint" }, key(number), `${run.name} · ${short(run.minutes)} min`);
  const image = make("img", { src: /^file:/.test(run.grid) ? run.grid : address(run.grid), alt: `Samples of ${run.name}`, decoding: "async" });
  image.addEventListener("load", () => image.classList.toggle("small", image.clientWidth > image.naturalWidth));
  return make("figure", {}, make("a", { href: image.src, target: "_blank", rel: "noopener" }, image), words);
}

// The axis of all charts is as long as the longest run.
const longest = key => Math.max(0, ...comparison.runs.map(run => run[key]));
const extent = { minutes: longest("minutes"), kimg: longest("kimg") };

function group({ title, charts: specs, names }, place, all) {
  const host = make("div", { className: "charts", id: `group-${place}` });
  const heading = make("h2", {}, all.length > 1 ? `Measured: ${title}` : "Measured");
  const words = make("p", { className: "faint words" }, all.length > 1 ? `${names.join(", ")}. These numbers compare with one another alone.` : title);
  const part = make("section", {}, heading, words, host);
  part.hidden = !specs.length;
  byId("groups").append(part);
  showCharts(host, specs.map(spec => ({ ...spec, extent, smooth: false, best: spec.name === "kid" })));
}

function remembered() {
  return {};
}

function onAxis() {}

const before = recalled();
chosenScales = before.scales ?? {};
chartAxis = before.axis === "kimg" ? "kimg" : "minutes";
byId("warnings").replaceChildren(...comparison.warnings.map(text => make("li", { className: "trouble" }, sentence(text))));
byId("heads").replaceChildren(...HEADS.map(text => make("th", { scope: "col" }, text)));
byId("runs").replaceChildren(...comparison.runs.map(row));
byId("sheets").replaceChildren(...comparison.runs.map((run, number) => run.grid && sheet(run, number)).filter(Boolean));
byId("sheets-part").hidden = !byId("sheets").children.length;
comparison.groups.forEach(group);
byId("losses-part").hidden = !comparison.losses.length;
showCharts(byId("losses"), comparison.losses.map(spec => ({ ...spec, extent, smooth: true, isBare: true })));
turnAxis(chartAxis);
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  byId("table").focus();
});
document.documentElement.dataset.ready = "";
