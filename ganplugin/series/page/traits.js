// The panel of traits: every value with how many works have it, to choose from.
const panel = document.getElementById("traits");
const panelButton = document.getElementById("traits-button");
const FIRST_VALUES = 10;
const MOST_VALUES = 400;
const boxes = [];

const clearButton = make("button", { type: "button", className: "link clear", hidden: true }, "Clear all");
panel.append(clearButton);
collection.traits.forEach((trait, place) => panel.append(makeTrait(trait, place)));
panelButton.hidden = panel.hidden = !collection.traits.length;

function makeTrait(trait, place) {
  const values = make("div", { className: "values" });
  const box = make("fieldset", {}, make("legend", {}, trait.name), values);
  const groups = trait.groups.slice(0, MOST_VALUES).map((_, group) => makeValue(trait, place, group));
  values.append(...groups.slice(0, FIRST_VALUES));
  if (groups.length > FIRST_VALUES + 1) box.append(makeMore(trait, values, groups));
  else values.append(...groups.slice(FIRST_VALUES));
  return box;
}

function makeValue(trait, place, group) {
  const input = make("input", { type: "checkbox" });
  const share = trait.counts[group] / total;
  const amount = make("span", { className: "share" }, `${trait.counts[group].toLocaleString("en")} · ${percent(share)}`);
  const row = make("label", { className: "value" }, input, make("span", { className: "word" }, trait.groups[group]), amount);
  row.style.setProperty("--share", share);
  input.addEventListener("change", () => choose(place, group, input.checked));
  boxes.push({ input, row, place, group });
  return row;
}

function makeMore(trait, values, groups) {
  const more = make("button", { type: "button", className: "link" }, moreText(trait.groups.length));
  more.addEventListener("click", () => {
    values.append(...groups.slice(FIRST_VALUES));
    groups[FIRST_VALUES].querySelector("input").focus();
    more.remove();
  });
  return more;
}

function moreText(number) {
  return number > MOST_VALUES ? `${MOST_VALUES} of ${number.toLocaleString("en")} values` : `All ${number} values`;
}

function choose(place, group, isChosen) {
  const groups = state.chosen.get(place) ?? new Set();
  if (isChosen) groups.add(group);
  else groups.delete(group);
  if (groups.size) state.chosen.set(place, groups);
  else state.chosen.delete(place);
  select();
}

// Values that would leave nothing are faint.
function markTraits() {
  const reach = collection.traits.map((trait, place) => {
    const found = new Set();
    for (const work of everyWork) if (passes(work, state, place)) found.add(trait.of[work]);
    return found;
  });
  for (const { input, row, place, group } of boxes) {
    input.checked = state.chosen.get(place)?.has(group) ?? false;
    row.classList.toggle("empty", !reach[place].has(group));
  }
  const number = [...state.chosen.values()].reduce((sum, groups) => sum + groups.size, 0);
  clearButton.hidden = !number;
  document.getElementById("chosen").textContent = number ? ` · ${number}` : "";
}

function openPanel(isOpen) {
  panel.hidden = !isOpen;
  panelButton.ariaExpanded = String(isOpen);
}

panelButton.addEventListener("click", () => openPanel(panel.hidden));
openPanel(collection.traits.length > 0 && matchMedia("(min-width: 1000px)").matches);
