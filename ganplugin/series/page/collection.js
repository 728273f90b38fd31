// The works, column by column; a work is its place in each column.
const collection = JSON.parse(document.getElementById("data").textContent);
const total = collection.numbers.length;
const everyWork = Array.from({ length: total }, (_, work) => work);
const films = new Set(collection.films);
const words = collection.titles.map((title, work) => `${collection.numbers[work]} ${title}`.toLowerCase());
const placeByNumber = new Map(collection.numbers.map((number, work) => [number, work]));
const byRarity = [...everyWork].sort((a, b) => collection.rarities[b] - collection.rarities[a] || a - b);
const rarityRank = rankOf(byRarity, collection.rarities);

// Works that are equally rare share a rank.
function rankOf(order, values) {
  const ranks = new Array(total);
  order.forEach((work, place) => {
    const before = order[place - 1];
    ranks[work] = place && values[before] === values[work] ? ranks[before] : place + 1;
  });
  return ranks;
}

function percent(share) {
  const value = share * 100;
  return `${value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : value.toPrecision(1)} %`;
}

function traitValue(trait, work) {
  const group = trait.of[work];
  return group < 0 ? null : trait.own.length ? trait.own[work] : trait.groups[group];
}

// What works can be sorted by: a value for each work (null goes last), and whether the largest comes first.
const orders = new Map([["number", { label: "Number", value: work => collection.numbers[work] }]]);
if (collection.scores.some(score => score !== null)) {
  orders.set("score", { label: "Score", value: work => collection.scores[work], down: true, shown: work => scoreText(work) });
}
if (collection.traits.length) {
  orders.set("rarity", { label: "Rarity", value: work => rarityRank[work], shown: work => `rarity ${rarityRank[work]}` });
}
collection.traits.forEach((trait, place) => {
  orders.set(`t.${place}`, { label: trait.name, value: sortValue(trait), shown: work => traitValue(trait, work) });
});

function sortValue(trait) {
  if (trait.number && trait.own.length) return work => (trait.own[work] === null ? null : Number(trait.own[work]));
  const sorted = trait.groups.map((label, group) => group);
  if (!trait.number) sorted.sort((a, b) => trait.groups[a].localeCompare(trait.groups[b]));
  const rank = new Array(sorted.length);
  sorted.forEach((group, place) => (rank[group] = place));
  return work => (trait.of[work] < 0 ? null : rank[trait.of[work]]);
}

function scoreText(work) {
  const score = collection.scores[work];
  return score === null ? "" : String(Number(score.toPrecision(3)));
}

function sortedBy(name, reversed) {
  const { value, down } = orders.get(name);
  const sign = Boolean(down) === reversed ? 1 : -1;
  const values = everyWork.map(value);
  return [...everyWork].sort((a, b) => {
    if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null) || a - b;
    return sign * (values[a] - values[b]) || a - b;
  });
}

// Which works pass: within a trait any chosen group, and all of the traits. `but` leaves one trait aside.
function passes(work, state, but) {
  if (state.query && !words[work].includes(state.query)) return false;
  for (const [trait, groups] of state.chosen) {
    if (trait !== but && !groups.has(collection.traits[trait].of[work])) return false;
  }
  return true;
}
