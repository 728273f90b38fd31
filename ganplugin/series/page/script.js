// What the controls do.
const pageTitle = document.title;
const query = document.getElementById("query");
const sort = document.getElementById("sort");
const direction = document.getElementById("direction");
let ordered = everyWork;
let orderedBy = "";
let started = false;

for (const [name, { label }] of orders) sort.append(make("option", { value: name }, label));

// Filter and sort as the state says, and show it.
function select() {
  const wanted = `${state.reversed} ${state.sort}`;
  if (wanted !== orderedBy) [ordered, orderedBy] = [sortedBy(state.sort, state.reversed), wanted];
  showWorks(ordered.filter(work => passes(work, state)));
  const room = document.querySelector(".room");
  if (room.getBoundingClientRect().top < 0) room.scrollIntoView();
  document.getElementById("nothing").hidden = shownWorks.length > 0 || !total;
  document.getElementById("count").textContent = countText();
  markTraits();
  writeHashSoon();
}

function countText() {
  const [some, all] = [shownWorks.length, total].map(number => number.toLocaleString("en"));
  return shownWorks.length === total ? `${all} ${total === 1 ? "work" : "works"}` : `${some} of ${all}`;
}

// Bring the page in line with an address that the user chose.
function followHash() {
  written = location.hash;
  if (started && written === hashOf(state)) return;
  started = true;
  readHash();
  if (query.value.trim().toLowerCase() !== state.query) query.value = state.query;
  sort.value = state.sort;
  direction.ariaPressed = String(state.reversed);
  select();
  if (state.piece === null) hidePiece();
  else showPiece(state.piece);
}

function open(work) {
  const wasOpen = state.piece !== null;
  state.piece = work;
  if (wasOpen) writeHashSoon();
  else writeHash(true);
  showPiece(work);
}

function step(by) {
  const place = shownWorks.indexOf(state.piece);
  const work = shownWorks[place + by];
  if (place >= 0 && work !== undefined) open(work);
}

function close() {
  if (state.piece === null) return;
  state.piece = null;
  stage.classList.remove("full");
  hidePiece();
  if (history.state?.opened) history.back();
  else writeHash(false);
}

function showAlike(place, group) {
  state.chosen = new Map([[place, new Set([group])]]);
  state.query = query.value = "";
  state.piece = null;
  hidePiece();
  select();
  focusPlace(0);
}

function clearAll() {
  state.chosen.clear();
  state.query = query.value = "";
  select();
  query.focus();
}

grid.addEventListener("click", event => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(shownWorks[Number(link.dataset.place)]);
});

query.addEventListener("input", () => {
  state.query = query.value.trim().toLowerCase();
  select();
});
sort.addEventListener("change", () => {
  state.sort = sort.value;
  select();
});
direction.addEventListener("click", () => {
  state.reversed = !state.reversed;
  direction.ariaPressed = String(state.reversed);
  select();
});
for (const button of [document.getElementById("clear"), clearButton]) button.addEventListener("click", clearAll);

// Not by its address, whose part behind # says what is looked at.
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  document.getElementById("works").focus();
});

document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", close);
// Esc reaches us as the dialog's own closing.
dialog.addEventListener("close", close);
dialog.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("video")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  step(by);
});

let touched = null;
stage.addEventListener("touchstart", event => (touched = event.touches.length === 1 ? event.touches[0].clientX : null), { passive: true });
stage.addEventListener("touchend", event => {
  const moved = touched === null || stage.classList.contains("full") ? 0 : event.changedTouches[0].clientX - touched;
  if (Math.abs(moved) > 60) step(moved > 0 ? -1 : 1);
});

addEventListener("hashchange", followHash);
addEventListener("popstate", followHash);
followHash();
document.documentElement.dataset.ready = "";
