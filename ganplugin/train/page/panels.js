// All charts of a page: one pointer for all of them, over time or over pictures shown.
const charts = new Map();
let chartAxis = "minutes";
let chosenScales = {};
let onMoment = () => {};

const sentence = words => words.charAt(0).toUpperCase() + words.slice(1);

// Put the charts of a group into a part of the page; those that are there stay and get new values.
function showCharts(host, specs) {
  const wanted = specs.map(spec => {
    const key = `${host.id} ${spec.title}`;
    if (!charts.has(key)) charts.set(key, fresh(key));
    const chart = charts.get(key);
    chart.spec = spec;
    chart.axis = chartAxis;
    chart.isLog = chosenScales[key] ?? null;
    return chart;
  });
  const elements = wanted.map(chart => chart.element);
  if (elements.some((element, place) => host.children[place] !== element) || host.children.length !== elements.length) {
    host.replaceChildren(...elements);
  }
  for (const chart of wanted) chart.update();
}

function fresh(key) {
  const chart = makeChart((at, isChosen) => {
    for (const other of charts.values()) {
      other.pointed = at;
      other.mark();
    }
    if (isChosen) onMoment(at);
  });
  chart.changed = () => {
    chosenScales[key] = chart.isLog;
    remember();
  };
  return chart;
}

// The charts over another axis.
function turnAxis(axis) {
  chartAxis = axis;
  for (const button of document.querySelectorAll("[data-axis]")) button.ariaPressed = String(button.dataset.axis === axis);
  for (const chart of charts.values()) {
    chart.axis = axis;
    chart.pointed = chart.moment = null;
    chart.update();
  }
}

function markMoment(at) {
  for (const chart of charts.values()) {
    chart.moment = at;
    chart.mark();
  }
}

for (const button of document.querySelectorAll("[data-axis]")) {
  button.addEventListener("click", () => {
    turnAxis(button.dataset.axis);
    remember();
    onAxis();
  });
}

// What was chosen outlives a reload. Pages on a disk may have no storage.
function remember() {
  try {
    sessionStorage.setItem(`ganplugin ${location.pathname}`, JSON.stringify({ axis: chartAxis, scales: chosenScales, ...remembered() }));
  } catch {}
}

function recalled() {
  try {
    return JSON.parse(sessionStorage.getItem(`ganplugin ${location.pathname}`)) ?? {};
  } catch {
    return {};
  }
}
