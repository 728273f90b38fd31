// The page as a whole: what it says of a run, and how it hears what is new.
const LEVELS = { good: "good", watch: "watch it", bad: "act on it", unknown: "not known yet" };
const STATES = { running: ["Training", "good"], finished: ["Finished", ""], stopped: ["Stopped", "watch"], failed: ["Failed", "bad"] };
const byId = id => document.getElementById(id);
let run = JSON.parse(byId("data").textContent);

function timeWords(seconds) {
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 10) return `${Number(minutes.toFixed(1))} min`;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  return `${Math.floor(minutes / 60)} h ${String(Math.floor(minutes % 60)).padStart(2, "0")} min`;
}

const age = () => Math.max(0, Date.now() / 1000 - run.written);
const isSilent = () => run.state === "running" && age() > 3 * run.every + 180;

function showHead() {
  const worst = run.verdicts.find(verdict => verdict.level === "bad");
  let [words, mark] = STATES[run.state] ?? [run.state, ""];
  if (run.state === "running" && worst) [words, mark] = ["Needs attention", "bad"];
  if (isSilent()) [words, mark] = ["No news", "watch"];
  byId("state").textContent = words;
  byId("state").dataset.mark = mark;
  byId("news").textContent = newsWords();
  const trouble = run.state === "failed" ? run.trouble : isSilent() ? "Nothing was written for longer than usual. If the training was killed, the command below goes on from its last save." : "";
  byId("trouble").textContent = trouble;
  byId("trouble").hidden = !trouble;
  const percent = Math.round(run.part * 100);
  byId("progress").firstElementChild.style.width = `${run.part * 100}%`;
  byId("progress").ariaValueNow = percent;
  document.title = run.state === "running" ? `${percent} % · ${run.name}` : run.name;
  showFigures();
}

function newsWords() {
  const when = new Date(run.written * 1000);
  const clock = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const day = when.toDateString() === new Date().toDateString() ? "" : `${when.toLocaleDateString()} `;
  return run.state === "running" ? `last save ${timeWords(age())} ago` : `${day}${clock}`;
}

function showFigures() {
  const gone = run.state === "running" && !isSilent() ? age() : 0;
  const figures = [["trained", timeWords(run.seconds + gone)]];
  if (run.state === "running" && run.left !== null && !isSilent()) {
    const left = Math.max(0, run.left - gone);
    const day = left > 64_800 ? { weekday: "short" } : {};
    const end = new Date(Date.now() + left * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...day });
    figures.push([`left, until about ${end}`, timeWords(left)]);
  }
  figures.push(["pictures shown", short(run.seen)]);
  if (run.seconds > 0 && run.seen) figures.push(["pictures a second", short(run.seen / run.seconds)]);
  const kid = bestKid();
  if (kid) figures.push([`best KID, after ${timeWords(kid.minutes * 60)}`, short(kid.value)]);
  byId("figures").replaceChildren(...figures.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function bestKid() {
  const line = run.metrics.charts.flatMap(chart => chart.lines).find(({ name }) => name === "kid");
  const place = line ? lowest(line.mean) : -1;
  return place < 0 ? null : { value: line.mean[place], minutes: run.metrics.minutes[place] ?? 0 };
}

function showAbout() {
  const pictures = run.pictures ? `${run.pictures.toLocaleString("en")} pictures` : "";
  const about = [run.recipe && `recipe ${run.recipe}`, run.data && `${pictures || "pictures"} of ${run.data}`, run.size, `step ${run.step.toLocaleString("en")}`];
  byId("about").replaceChildren(...about.filter(Boolean).map(text => make("li", {}, text)));
}

function showVerdicts() {
  const order = Object.keys(LEVELS);
  const weight = { bad: 0, watch: 1, unknown: 3, good: 2 };
  const sorted = [...run.verdicts].sort((a, b) => weight[a.level] - weight[b.level] || order.indexOf(a.level) - order.indexOf(b.level));
  const none = make("li", {}, make("p", { className: "faint" }, "Nothing was judged yet: verdicts come with the first measurement."));
  byId("verdicts").replaceChildren(...(sorted.length ? sorted.map(verdict => judged(verdict.level, readable(verdict.name), LEVELS[verdict.level], verdict)) : [none]));
  byId("notices-part").hidden = !run.notices.length;
  byId("notices").replaceChildren(...run.notices.toReversed().map(notice => judged("watch", readable(notice.name), `step ${notice.step.toLocaleString("en")}`, notice)));
}

function judged(mark, name, level, { words, fix }) {
  const head = make("p", { className: "level" }, name, make("span", {}, level));
  const item = make("li", {}, head, make("p", {}, sentence(words)));
  if (fix) item.append(make("p", { className: "fix" }, sentence(fix)));
  item.dataset.mark = mark;
  return item;
}

const readable = name => sentence(name.replaceAll(/[-_]/g, " "));

function showNumbers() {
  for (const [id, isSmooth] of [["metrics", false], ["losses", true]]) {
    const { charts: specs, minutes, kimg } = run[id];
    byId(`${id}-part`).hidden = !specs.length;
    const extent = { minutes: run.seconds / 60, kimg: run.seen / 1000 };
    const withClock = spec => ({ ...spec, extent, smooth: isSmooth, best: spec.lines.some(({ name }) => name === "kid"), lines: spec.lines.map(line => ({ ...line, minutes, kimg })) });
    showCharts(byId(id), specs.map(withClock));
  }
  byId("axis").hidden = !run.metrics.charts.length && !run.losses.charts.length;
  byId("metrics-words").textContent = metricWords();
  byId("losses-words").textContent = lossWords();
}

function metricWords() {
  if (!run.backbones.length) return "";
  const seen = run.backbones.length > 1 ? `Seen by ${run.backbones.join(", then by ")}: their numbers do not compare.` : `Seen by ${run.backbones[0]}; numbers of another backbone do not compare.`;
  return `${seen} The shade around KID is one deviation between random parts of the same pictures.`;
}

function lossWords() {
  const { step, every } = run.losses;
  const width = smoothWidth(step.length);
  const apart = step.length > 1 ? (step.at(-1) - step[0]) / (step.length - 1) : 0;
  const span = short(Math.round(apart * width));
  const line = width > 1 ? `Line: running mean of ${span} steps. ` : "";
  if (every > 1) return `${line}Shade: lowest to highest of every ${every} noted values.`;
  return width > 1 ? `${line}Behind it: every noted value.` : "Every noted value.";
}

function showCommands() {
  const going = { finished: "Train for as long again", running: "Go on, should it stop", stopped: "Go on", failed: "Go on from the last save" }[run.state];
  const parts = [[going, run.resume], ["Make a model of the best checkpoint so far", run.export]].filter(([, text]) => text);
  const text = JSON.stringify(parts);
  if (byId("commands").dataset.shown === text) return;
  byId("commands").dataset.shown = text;
  const none = make("p", { className: "faint" }, "Commands come with the first save.");
  byId("commands").replaceChildren(...(parts.length ? parts.flatMap(([title, command]) => [make("h3", {}, title), makeCommand(command)]) : [none]));
}

function showRest() {
  byId("facts-part").hidden = !run.facts.length;
  byId("facts").replaceChildren(...run.facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  byId("copies-part").hidden = !run.copies;
  if (run.copies) swap(byId("copies"), `${address(run.copies)}?${run.written}`, fitStrip);
  byId("none-yet").textContent = `The first pictures come with the first save, after about ${timeWords(run.every)}.`;
}

function show() {
  showAbout();
  showVerdicts();
  showNumbers();
  showCommands();
  showRest();
  showGrids(run.grids, run.strips);
  showHead();
}

// Called by run.js.
function ganpluginRun(newer) {
  if (newer.written <= run.written) return;
  run = newer;
  show();
}

function look() {
  const script = make("script", { src: `run.js?${Date.now()}` });
  const done = () => {
    script.remove();
    setTimeout(look, pause());
  };
  script.addEventListener("load", done);
  script.addEventListener("error", done);
  document.head.append(script);
}

const pause = () => (run.state === "running" ? 1000 * Math.min(15, Math.max(2, run.every / 6)) : 30_000);

function remembered() {
  return { step: chosenStep };
}

function onAxis() {
  if (grids.length) showPlace(placeNow());
}

onMoment = at => {
  const place = nearest(grids.map(grid => grid[chartAxis === "minutes" ? 3 : 2]), at);
  if (place >= 0) choose(place);
};

document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  byId("pictures").focus();
});

const before = recalled();
chosenStep = before.step ?? null;
chosenScales = before.scales ?? {};
chartAxis = before.axis === "kimg" ? "kimg" : "minutes";
turnAxis(chartAxis);
show();
setInterval(showHead, 5000);
setTimeout(look, pause());
document.documentElement.dataset.ready = "";
