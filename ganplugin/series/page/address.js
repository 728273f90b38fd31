// What is looked at, and the part of the page's address behind # that says so, for links and for going back.
// Choices are written by name (t.Palette=Dawn), so that links outlive a new order of the traits.
const state = { query: "", sort: "number", reversed: false, chosen: new Map(), piece: null };
let written = location.hash;
let pending = 0;

function hashOf({ query, sort, reversed, chosen, piece }) {
  const words = new URLSearchParams();
  if (piece !== null) words.set("piece", collection.numbers[piece]);
  if (query) words.set("find", query);
  if (sort !== "number" || reversed) words.set("sort", (reversed ? "-" : "") + sortName(sort));
  for (const [trait, groups] of chosen) {
    const { name, groups: labels } = collection.traits[trait];
    for (const group of groups) words.append(`t.${name}`, labels[group]);
  }
  const text = words.toString();
  return text ? `#${text}` : "";
}

function sortName(sort) {
  return sort.startsWith("t.") ? `t.${collection.traits[sort.slice(2)].name}` : sort;
}

function readHash() {
  const words = new URLSearchParams(location.hash.slice(1));
  state.query = (words.get("find") ?? "").toLowerCase();
  readSort(words.get("sort") ?? "number");
  state.chosen = new Map();
  collection.traits.forEach((trait, place) => {
    const groups = words.getAll(`t.${trait.name}`).map(label => trait.groups.indexOf(label)).filter(group => group >= 0);
    if (groups.length) state.chosen.set(place, new Set(groups));
  });
  state.piece = words.has("piece") ? placeByNumber.get(Number(words.get("piece"))) ?? null : null;
}

function readSort(text) {
  const names = [...orders.keys()];
  const name = names.find(name => sortName(name) === text.replace(/^-/, "")) ?? "number";
  state.sort = name;
  state.reversed = text.startsWith("-");
}

// Browsers stop pages that rewrite their address at the pace of a held key: the last of a burst is enough.
function writeHashSoon() {
  clearTimeout(pending);
  pending = setTimeout(() => writeHash(false), 150);
}

function writeHash(asStep) {
  clearTimeout(pending);
  const hash = hashOf(state);
  if (hash === written) return;
  written = hash;
  const target = hash || location.pathname + location.search;
  try {
    if (asStep) history.pushState({ opened: true }, "", target);
    else history.replaceState(history.state, "", target);
  } catch {
    // A browser that forbids it (a sandboxed frame, too many steps) shows the works all the same.
  }
}
