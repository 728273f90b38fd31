// One chart: axes with units, a line for each run or number, shades where values scatter, values under the pointer.
const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["one", "two", "three", "four", "five", "six"];
const PLOT = { left: 46, right: 10, top: 8, bottom: 26, height: 208 };
const AXES = {
  minutes: { unit: most => (most > 240 ? { factor: 1 / 60, name: "h" } : { factor: 1, name: "min" }) },
  kimg: { unit: most => (most > 2000 ? { factor: 0.001, name: "million" } : { factor: 1, name: "thousand" }) },
};

function draw(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Numbers with the digits that mean something.
function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size && size < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(3)));
}

function evenTicks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find(factor => factor * size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

function logTicks(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) powers.push(power);
  const inside = value => value >= low * 0.999 && value <= high * 1.001;
  for (const factors of [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const ticks = powers.flatMap(power => factors.map(factor => Number((factor * 10 ** power).toPrecision(12)))).filter(inside);
    if (ticks.length >= 3) return ticks;
  }
  return evenTicks(low, high, 3);
}

// The mean of each value and its neighbours; what is missing stays missing.
function smoothed(values, width) {
  if (width < 3) return values;
  const half = (width - 1) / 2;
  return values.map((own, place) => {
    if (own === null) return null;
    const near = values.slice(Math.max(0, place - half), place + half + 1).filter(value => value !== null);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

function smoothWidth(count) {
  return count < 40 ? 1 : 2 * Math.round(count / 80) + 1;
}

function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(part * (sorted.length - 1))))];
}

// Where the values lie; rare peaks of the shade may be cut off, the line never.
function rangeOf(lines, ideal, isLog) {
  const drawn = lines.flatMap(line => line.line).filter(value => value !== null && (!isLog || value > 0));
  const edges = lines.flatMap(line => [...line.low, ...line.high]).filter(value => value !== null && (!isLog || value > 0));
  const sorted = edges.sort((a, b) => a - b);
  let low = Math.min(...drawn, ...(sorted.length ? [quantile(sorted, 0.01)] : []));
  let high = Math.max(...drawn, ...(sorted.length ? [quantile(sorted, 0.99)] : []));
  const cut = sorted.length && (sorted[0] < low || sorted.at(-1) > high) ? [sorted[0], sorted.at(-1)] : null;
  if (ideal !== null && (!isLog || ideal > 0)) [low, high] = [Math.min(low, ideal), Math.max(high, ideal)];
  if (isLog) return high / low < 1.2 ? { low: low / 1.2, high: high * 1.2, cut } : { low: low / 1.06, high: high * 1.06, cut };
  if (low > 0 && (low < high * 0.4 || high - low < high * 0.05)) low = 0;
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return { low: low === 0 ? 0 : low - room, high: high + room, cut };
}

function pathOf(xs, ys) {
  let text = "";
  let pen = "M";
  ys.forEach((y, place) => {
    if (y === null || xs[place] === null) pen = "M";
    else {
      text += `${pen}${xs[place].toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
    }
  });
  return text;
}

function areaOf(xs, lows, highs) {
  const there = xs.map((_, place) => place).filter(place => xs[place] !== null && lows[place] !== null && highs[place] !== null);
  const point = (place, values) => `${xs[place].toFixed(1)} ${values[place].toFixed(1)}`;
  if (!there.length) return "";
  return `M${there.map(place => point(place, highs)).join("L")}L${there.reverse().map(place => point(place, lows)).join("L")}Z`;
}

// `tell` is called with the place on the x axis that is pointed at (null: none) and whether it was chosen by a click.
function makeChart(tell) {
  const title = make("h3", {});
  const scale = make("button", { type: "button", className: "link scale" });
  const legend = make("ul", { className: "legend" });
  const svg = draw("svg", { "aria-hidden": "true" });
  const plot = make("div", { className: "plot", tabIndex: 0, role: "img" }, svg);
  const words = make("p", { className: "faint" });
  const element = make("article", { className: "chart" }, make("header", {}, title, scale), legend, plot, words);
  const chart = { element, spec: null, axis: "minutes", isLog: null, pointed: null, moment: null };
  let frame = null;

  function ready() {
    const { spec, axis } = chart;
    const canLog = spec.lines.every(line => line.mean.every(value => value === null || value > 0));
    const isLog = canLog && (chart.isLog ?? spec.log);
    const lines = spec.lines.map((line, place) => prepared(line, place, axis, spec.smooth));
    const most = Math.max(spec.extent[axis], ...lines.flatMap(line => line.x.filter(value => value !== null))) || 1;
    return { canLog, isLog, lines, most, range: rangeOf(lines, spec.ideal, isLog) };
  }

  function prepared(line, place, axis, smooth) {
    const width = smooth ? smoothWidth(line.mean.length) : 1;
    const number = line.colour ?? place;
    const colour = COLOURS[number % COLOURS.length];
    const dash = number < COLOURS.length ? "none" : "5 4";
    return { ...line, x: line[axis], line: smoothed(line.mean, width), low: line.low ?? [], high: line.high ?? [], width, colour, dash };
  }

  chart.update = () => {
    const { spec } = chart;
    if (!spec || !plot.clientWidth) return;
    const now = ready();
    title.replaceChildren(spec.title, ...(spec.unit ? [make("small", {}, ` ${spec.unit}`)] : []));
    scale.hidden = !now.canLog || (chart.isLog === null && !spec.log && now.range.high < 8 * lowestOf(now.lines));
    scale.textContent = now.isLog ? "logarithmic" : "linear";
    scale.ariaLabel = `${spec.title}: ${now.isLog ? "logarithmic" : "linear"} scale. Change it.`;
    const { cut } = now.range;
    const peaks = cut ? ` Single values reach from ${short(cut[0])} to ${short(cut[1])}.` : "";
    words.textContent = `${spec.words}${peaks}`.trim();
    words.hidden = !words.textContent;
    paint(now);
    chart.mark();
  };

  function paint({ isLog, lines, most, range }) {
    const width = plot.clientWidth;
    const right = width - PLOT.right;
    const bottom = PLOT.height - PLOT.bottom;
    const level = isLog ? Math.log : value => value;
    const [low, high] = [level(range.low), level(range.high)];
    const x = value => (value === null ? null : PLOT.left + (value / most) * (right - PLOT.left));
    const y = value => (value === null || (isLog && value <= 0) ? null : bottom - ((level(value) - low) / (high - low)) * (bottom - PLOT.top));
    frame = { x, y, most, lines, right, bottom };
    svg.setAttribute("viewBox", `0 0 ${width} ${PLOT.height}`);
    const id = `cut-${chart.number}`;
    const clip = draw("clipPath", { id }, draw("rect", { x: PLOT.left, y: PLOT.top - 2, width: right - PLOT.left + 4, height: bottom - PLOT.top + 4 }));
    const ticks = isLog ? logTicks(range.low, range.high) : evenTicks(range.low, range.high, 4);
    const sorts = lines.flatMap(line => curve(line, x, y));
    const ideal = chart.spec.ideal === null || y(chart.spec.ideal) === null ? [] : idealLine(y(chart.spec.ideal), right);
    svg.replaceChildren(clip, ...ticks.flatMap(value => levelTick(value, y(value), right)), ...timeTicks(x, most, right, bottom), ...ideal,
      draw("g", { "clip-path": `url(#${id})` }, ...sorts.filter(part => !part.classList.contains("dot"))),
      ...sorts.filter(part => part.classList.contains("dot")), ...best(lines, x, y), draw("g", { class: "marks" }));
  }

  function levelTick(value, y, right) {
    return [draw("line", { class: "grid", x1: PLOT.left, x2: right, y1: y, y2: y }), draw("text", { x: PLOT.left - 8, y: y + 4, "text-anchor": "end" }, short(value))];
  }

  function timeTicks(x, most, right, bottom) {
    const unit = AXES[chart.axis].unit(most);
    const ticks = evenTicks(0, most * unit.factor, Math.max(2, Math.min(6, (right - PLOT.left) / 64)));
    const labels = ticks.flatMap((value, place) => {
      const at = x(value / unit.factor);
      const isLast = place === ticks.length - 1;
      const anchor = at > right - 12 ? "end" : place === 0 ? "start" : "middle";
      const text = draw("text", { x: at, y: bottom + 18, "text-anchor": anchor }, isLast ? `${short(value)} ${unit.name}` : short(value));
      return [draw("line", { class: "base", x1: at, x2: at, y1: bottom, y2: bottom + 4 }), text];
    });
    return [draw("line", { class: "base", x1: PLOT.left, x2: right, y1: bottom, y2: bottom }), ...labels];
  }

  function idealLine(y, right) {
    return [draw("line", { class: "ideal", x1: PLOT.left, x2: right, y1: y, y2: y })];
  }

  function curve(line, x, y) {
    const xs = line.x.map(x);
    const kind = name => `${name} ${line.colour}`;
    const parts = [];
    if (line.low.length) parts.push(draw("path", { class: kind("shade"), d: areaOf(xs, line.low.map(value => y(value)), line.high.map(value => y(value))) }));
    else if (line.width > 1 && !chart.spec.isBare) parts.push(draw("path", { class: kind("raw"), d: pathOf(xs, line.mean.map(y)) }));
    parts.push(draw("path", { class: kind("line"), "stroke-dasharray": line.dash, d: pathOf(xs, line.line.map(y)) }));
    const points = xs.map((at, place) => [at, y(line.line[place])]).filter(([at, level]) => at !== null && level !== null);
    if (points.length === 1 || (!chart.spec.smooth && points.length < 60)) {
      parts.push(...points.map(([at, level]) => draw("circle", { class: kind("dot"), cx: at, cy: level, r: points.length < 30 ? 2.6 : 1.8 })));
    }
    return parts;
  }

  // A ring around the lowest value of what should be low.
  function best(lines, x, y) {
    if (!chart.spec.best) return [];
    return lines.flatMap(line => {
      const place = lowest(line.mean);
      if (place < 0 || line.x[place] === null) return [];
      return [draw("circle", { class: `ring ${line.colour}`, cx: x(line.x[place]), cy: y(line.mean[place]), r: 4.2 })];
    });
  }

  // The pointer, the moment whose pictures are shown, and the values there.
  chart.mark = () => {
    if (!frame) return;
    const { x, y, most, lines, right, bottom } = frame;
    const marks = svg.querySelector(".marks");
    const upright = (kind, at) => draw("line", { class: kind, x1: at, x2: at, y1: PLOT.top, y2: bottom });
    const parts = [];
    if (chart.moment !== null && chart.moment <= most) parts.push(upright("moment", x(chart.moment)));
    const at = chart.pointed;
    const places = lines.map(line => (at === null ? line.line.findLastIndex(value => value !== null) : nearest(line.x, at)));
    if (at !== null && at <= most * 1.001) {
      const anchor = x(at) > right - 50 ? "end" : x(at) < PLOT.left + 50 ? "start" : "middle";
      parts.push(upright("cursor", x(at)), draw("text", { class: "here", x: x(at), y: bottom + 18, "text-anchor": anchor }, shownAt(at, most)));
      lines.forEach((line, number) => {
        const place = places[number];
        if (place < 0 || y(line.line[place]) === null || line.x[place] === null) return;
        parts.push(draw("circle", { class: `ring ${line.colour}`, cx: x(line.x[place]), cy: y(line.line[place]), r: 3.6 }));
      });
    }
    marks.replaceChildren(...parts);
    legend.replaceChildren(...lines.map((line, number) => entry(line, places[number])));
    plot.ariaLabel = `${chart.spec.title}. ${lines.map((line, number) => `${line.label} ${valueAt(line, places[number])}`).join(", ")}`;
  };

  function entry(line, place) {
    const key = draw("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, draw("path", { class: `line ${line.colour}`, "stroke-dasharray": line.dash, d: "M1 4H17" }));
    return make("li", {}, key, `${line.label} `, make("b", {}, valueAt(line, place)));
  }

  function valueAt(line, place) {
    if (place < 0) return "–";
    const value = short(line.mean[place]);
    if (!line.low.length || line.low[place] === null) return value;
    return line.sure ? `${value} ± ${short((line.high[place] - line.low[place]) / 2)}` : `${value} (${short(line.low[place])} to ${short(line.high[place])})`;
  }

  function shownAt(at, most) {
    const unit = AXES[chart.axis].unit(most);
    return `${short(at * unit.factor)} ${unit.name}`;
  }

  function pointedAt(event) {
    const { left, width } = plot.getBoundingClientRect();
    const inside = (event.clientX - left - PLOT.left) / (width - PLOT.left - PLOT.right);
    return Math.min(1, Math.max(0, inside)) * frame.most;
  }

  plot.addEventListener("pointermove", event => frame && tell(pointedAt(event), false));
  plot.addEventListener("pointerleave", () => tell(null, false));
  plot.addEventListener("click", event => frame && tell(pointedAt(event), true));
  plot.addEventListener("blur", () => tell(null, false));
  plot.addEventListener("keydown", event => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!frame || (by === undefined && event.key !== "Enter")) return;
    event.preventDefault();
    if (by === undefined) {
      if (chart.pointed !== null) tell(chart.pointed, true);
      return;
    }
    tell(Math.min(frame.most, Math.max(0, (chart.pointed ?? frame.most) + (by * frame.most) / 50)), false);
  });
  scale.addEventListener("click", () => {
    chart.isLog = !ready().isLog;
    chart.update();
    chart.changed?.();
  });
  new ResizeObserver(chart.update).observe(plot);
  chart.number = makeChart.made = (makeChart.made ?? 0) + 1;
  return chart;
}

function lowestOf(lines) {
  return Math.min(...lines.flatMap(line => line.mean.filter(value => value !== null)));
}

function lowest(values) {
  return values.reduce((best, value, place) => (value !== null && (best < 0 || value < values[best]) ? place : best), -1);
}

function nearest(values, wanted) {
  let best = -1;
  values.forEach((value, place) => {
    if (value !== null && (best < 0 || Math.abs(value - wanted) < Math.abs(values[best] - wanted))) best = place;
  });
  return best;
}
