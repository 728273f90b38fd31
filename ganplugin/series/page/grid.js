// The grid holds only the works near the window, so that ten thousand cost no more than a hundred.
const grid = document.getElementById("grid");
const held = new Map();
const layout = { columns: 1, cell: 0, row: 0, gap: 0, shape: commonShape() };
let shownWorks = everyWork;
let frame = 0;

// The proportions that most pictures have; others are fitted in.
function commonShape() {
  const seen = new Map();
  for (const [width, height] of collection.sizes) {
    if (width && height) seen.set(width / height, (seen.get(width / height) ?? 0) + 1);
  }
  const common = [...seen].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 1;
  return Math.min(Math.max(common, 0.5), 2);
}

function measure() {
  const width = grid.clientWidth;
  const style = getComputedStyle(grid);
  layout.gap = parseFloat(style.getPropertyValue("--gap"));
  const least = parseFloat(style.getPropertyValue("--least"));
  layout.columns = Math.max(2, Math.floor((width + layout.gap) / (least + layout.gap)));
  layout.cell = (width - layout.gap * (layout.columns - 1)) / layout.columns;
  layout.row = layout.cell / layout.shape + parseFloat(style.getPropertyValue("--caption")) + layout.gap;
  grid.style.height = `${Math.max(0, Math.ceil(shownWorks.length / layout.columns) * layout.row - layout.gap)}px`;
}

// Show these works, in this order.
function showWorks(works) {
  shownWorks = works;
  for (const item of held.values()) item.remove();
  held.clear();
  measure();
  fill();
}

function resize() {
  measure();
  for (const [place, item] of held) put(item, place);
  fill();
}

function fillSoon() {
  frame ||= requestAnimationFrame(fill);
}

function fill() {
  frame = 0;
  const top = -grid.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor((top - innerHeight) / layout.row)) * layout.columns;
  const last = Math.min(shownWorks.length, Math.ceil((top + 2 * innerHeight) / layout.row) * layout.columns);
  for (const [place, item] of held) {
    // What has the focus keeps it, however far the window scrolls.
    if ((place < first || place >= last) && !item.contains(document.activeElement)) {
      item.remove();
      held.delete(place);
    }
  }
  for (let place = first; place < last; place += 1) hold(place);
}

function hold(place) {
  const known = held.get(place);
  if (known) return known;
  const item = makeItem(shownWorks[place], place);
  put(item, place);
  // In order, because Tab and screen readers follow the document.
  let after = null;
  for (const [other, node] of held) if (other > place && (after === null || other < after.place)) after = { place: other, node };
  grid.insertBefore(item, after ? after.node : null);
  held.set(place, item);
  return item;
}

function put(item, place) {
  const x = (place % layout.columns) * (layout.cell + layout.gap);
  const y = Math.floor(place / layout.columns) * layout.row;
  item.style.transform = `translate(${x}px, ${y}px)`;
  item.style.width = `${layout.cell}px`;
  item.style.height = `${layout.row - layout.gap}px`;
}

function makeItem(work, place) {
  const picture = make("img", { src: address(collection.thumbnails[work]), alt: "", loading: "lazy", decoding: "async" });
  const label = make("span", { className: "label" }, make("span", { className: "name" }, collection.titles[work]));
  const note = orders.get(state.sort).shown?.(work);
  if (note) label.append(make("span", { className: "note" }, note));
  const box = make("span", { className: films.has(work) ? "box film" : "box" }, picture);
  const link = make("a", { href: hashOf({ ...state, piece: work }) }, box, label);
  if (films.has(work)) link.append(make("span", { className: "hidden" }, "film"));
  link.dataset.place = place;
  const item = make("li", {}, link);
  item.ariaSetSize = shownWorks.length;
  item.ariaPosInSet = place + 1;
  return item;
}

function focusPlace(place) {
  if (place < 0 || place >= shownWorks.length) return;
  const top = grid.getBoundingClientRect().top + Math.floor(place / layout.columns) * layout.row;
  const bar = document.querySelector(".toolbar").offsetHeight + 12;
  if (top < bar) scrollBy(0, top - bar);
  else if (top + layout.row > innerHeight) scrollBy(0, top + layout.row - innerHeight);
  hold(place).firstChild.focus({ preventScroll: true });
}

const steps = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: () => -layout.columns,
  ArrowDown: () => layout.columns,
};

grid.addEventListener("keydown", event => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = Number(link.dataset.place);
  const targets = { Home: 0, End: shownWorks.length - 1 };
  const target = event.key in steps ? place + steps[event.key]() : targets[event.key];
  if (target === undefined) return;
  event.preventDefault();
  focusPlace(target);
});

addEventListener("scroll", fillSoon, { passive: true });
new ResizeObserver(resize).observe(grid);
