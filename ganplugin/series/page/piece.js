// One work, as large as the window: the picture or film, and how it was made.
const dialog = document.getElementById("piece");
const stage = document.getElementById("stage");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const MOST_LINKS = 12;
let showing = null;

// Models that only some works use: the others are told without them.
const variedModels = new Set(collection.changes.flatMap(([, values]) => values));

function showPiece(work) {
  if (work === showing) return;
  showing = work;
  document.getElementById("piece-title").textContent = collection.titles[work];
  const facts = [`No. ${collection.numbers[work]}`, ...sizeFacts(work), ...rankFacts(work)];
  document.getElementById("piece-facts").replaceChildren(...facts.map(fact => make("span", {}, fact)));
  document.getElementById("piece-body").replaceChildren(...sections(work));
  stage.replaceChildren(films.has(work) ? makeFilm(work) : makePicture(work));
  document.title = `${collection.titles[work]} – ${pageTitle}`;
  markPosition();
  stage.classList.remove("full");
  if (dialog.open) say(collection.titles[work]);
  else dialog.showModal();
  dialog.scrollTop = dialog.querySelector(".plate").scrollTop = 0;
  if (!dialog.contains(document.activeElement) || document.activeElement.disabled) {
    document.getElementById("piece-title").focus({ preventScroll: true });
  }
  fetchNeighbours();
}

function hidePiece() {
  if (showing === null) return;
  const work = showing;
  showing = null;
  stage.replaceChildren();
  document.title = pageTitle;
  if (dialog.open) dialog.close();
  focusPlace(Math.max(0, shownWorks.indexOf(work)));
}

function sizeFacts(work) {
  const [width, height] = collection.sizes[work];
  return width && height ? [`${width} × ${height}`] : [];
}

function rankFacts(work) {
  const facts = collection.traits.length ? [`rarity ${rarityRank[work]} / ${total.toLocaleString("en")}`] : [];
  return collection.scores[work] === null ? facts : [...facts, `score ${scoreText(work)}`];
}

function markPosition() {
  const place = shownWorks.indexOf(showing);
  const text = place < 0 ? "" : `${(place + 1).toLocaleString("en")} / ${shownWorks.length.toLocaleString("en")}`;
  document.getElementById("position").textContent = text;
  document.getElementById("previous").disabled = place <= 0;
  document.getElementById("next").disabled = place < 0 || place >= shownWorks.length - 1;
}

function makePicture(work) {
  const [width, height] = collection.sizes[work];
  const image = make("img", { alt: describe(work), src: address(collection.sights[work]), decoding: "async" });
  image.style.backgroundImage = `url("${address(collection.thumbnails[work])}")`;
  image.addEventListener("load", () => image.style.removeProperty("background-image"));
  if (width && Math.max(width, height) <= 128) image.className = "small";
  const button = make("button", { type: "button", className: "zoom", title: "Full size" }, image);
  button.ariaPressed = "false";
  button.addEventListener("click", () => zoom(button, image));
  return button;
}

// Every pixel of the picture, or all of it at once.
function zoom(button, image) {
  const isFull = button.ariaPressed !== "true";
  button.ariaPressed = String(isFull);
  stage.classList.toggle("full", isFull);
  if (isFull) stage.scrollTo((image.scrollWidth - stage.clientWidth) / 2, (image.scrollHeight - stage.clientHeight) / 2);
}

function makeFilm(work) {
  const film = make("video", { src: address(collection.sights[work]), poster: address(collection.thumbnails[work]) });
  Object.assign(film, { loop: true, muted: true, controls: true, playsInline: true, autoplay: !still.matches });
  film.ariaLabel = describe(work);
  return film;
}

function describe(work) {
  const traits = collection.traits.map(trait => [trait.name, traitValue(trait, work)]).filter(([, value]) => value !== null);
  return [collection.titles[work], ...traits.map(([name, value]) => `${name} ${value}`)].join(", ");
}

function fetchNeighbours() {
  const place = shownWorks.indexOf(showing);
  for (const work of [shownWorks[place + 1], shownWorks[place - 1]]) {
    if (place >= 0 && work !== undefined && !films.has(work)) new Image().src = address(collection.sights[work]);
  }
}

function sections(work) {
  return [traitSection(work), recipeSection(work), commandSection(work), fileSection(work)].filter(Boolean);
}

function section(title, ...children) {
  return make("section", {}, make("h3", {}, title), ...children);
}

function table(rows) {
  return make("dl", {}, ...rows.map(([name, ...values]) => make("div", {}, make("dt", {}, name), ...values)));
}

function traitSection(work) {
  const rows = collection.traits.flatMap((trait, place) => {
    const group = trait.of[work];
    if (group < 0) return [];
    const same = make("button", { type: "button", className: "link" }, percent(trait.counts[group] / total));
    same.title = `${trait.groups[group]}: show all ${trait.counts[group].toLocaleString("en")}`;
    same.ariaLabel = `${percent(trait.counts[group] / total)} have ${trait.groups[group]}: show them`;
    same.addEventListener("click", () => showAlike(place, group));
    return [[trait.name, make("dd", {}, traitValue(trait, work)), make("dd", { className: "share" }, same)]];
  });
  return rows.length ? section("Traits", table(rows)) : null;
}

function recipeSection(work) {
  const rows = collection.changes.flatMap(([key, values]) => (values[work] === null ? [] : [[key, values[work]]]));
  const isSeed = ([key]) => /(^|\.)seeds?$/.test(key);
  const sorted = [...rows.filter(isSeed), ...rows.filter(row => !isSeed(row))];
  const given = new Set(rows.map(([, value]) => value));
  const used = collection.models.filter(([name]) => given.has(name) || !variedModels.has(name));
  const models = used.map(([name, digest]) => [name, make("code", { title: digest }, digest.slice(0, 12))]);
  const cells = [...sorted, ...models].map(([key, value]) => [key, make("dd", {}, value)]);
  return cells.length ? section("Recipe", table(cells)) : null;
}

function commandSection(work) {
  const commands = [`ganplugin again ${quoted(collection.files[work][0])}`];
  if (collection.source) {
    commands.push(`ganplugin render ${quoted(collection.source)} --pieces ${collection.numbers[work]} --out again`);
  }
  return section("Make it again", ...commands.map(makeCommand));
}

// As shells want it.
function quoted(path) {
  const plain = path.startsWith("-") ? `./${path}` : path;
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", `'\\''`)}'`;
}

function fileSection(work) {
  const files = collection.files[work];
  const links = files.slice(0, MOST_LINKS).map(path => {
    const link = make("a", { href: address(path), download: path.split("/").pop() }, path.split("/").pop());
    return make("li", {}, link);
  });
  if (files.length > MOST_LINKS) {
    const folder = files.at(-1).split("/").slice(0, -1).join("/");
    links.push(make("li", {}, `and ${(files.length - MOST_LINKS).toLocaleString("en")} more in ${folder || "this folder"}`));
  }
  const digest = make("code", { className: "digest" }, collection.digests[work]);
  return section("Files", make("ul", { className: "files" }, ...links), make("p", { className: "faint" }, "SHA-256 ", digest));
}
