// Sheets of samples through time, and the walk of the same moment.
const timeSlider = document.getElementById("time");
const playButton = document.getElementById("play");
const latestButton = document.getElementById("latest");
const sheetImage = document.getElementById("sheet-image");
const stripImage = document.getElementById("strip-image");
const FRAME_MS = 260;
let grids = [];
let strips = new Map();
let chosenStep = null; // null: whatever is the latest
let playing = 0;

function showGrids(newGrids, newStrips) {
  grids = newGrids;
  strips = new Map(newStrips.map(([path, step]) => [step, path]));
  const isThere = grids.length > 0;
  for (const id of ["sheet", "slide"]) document.getElementById(id).hidden = !isThere;
  document.getElementById("none-yet").hidden = isThere;
  document.getElementById("slide").hidden = grids.length < 2;
  timeSlider.max = Math.max(0, grids.length - 1);
  if (isThere) showPlace(placeNow());
}

function placeNow() {
  if (chosenStep === null) return grids.length - 1;
  const place = nearest(grids.map(([, step]) => step), chosenStep);
  return place < 0 ? grids.length - 1 : place;
}

function showPlace(place) {
  const [path, step, kimg, minutes] = grids[place];
  timeSlider.value = place;
  timeSlider.ariaValueText = momentWords(step, kimg, minutes);
  const name = `${place + 1} of ${grids.length}: `;
  document.getElementById("sheet-words").textContent = (grids.length > 1 ? name : "") + momentWords(step, kimg, minutes);
  document.getElementById("sheet-link").href = address(path);
  latestButton.hidden = place === grids.length - 1;
  sheetImage.alt = `Samples at step ${step}`;
  swap(sheetImage, address(path), fitSheet);
  const strip = strips.get(step);
  document.getElementById("strip").hidden = !strip;
  if (strip) swap(stripImage, address(strip), fitStrip);
  markMoment(place === grids.length - 1 ? null : grids[place][chartAxis === "minutes" ? 3 : 2]);
  for (const other of [place + 1, place - 1]) if (grids[other]) new Image().src = address(grids[other][0]);
}

function momentWords(step, kimg, minutes) {
  const words = [`step ${step.toLocaleString("en")}`];
  if (minutes !== null) words.push(timeWords(minutes * 60));
  if (kimg !== null) words.push(`${short(kimg * 1000)} pictures shown`);
  return words.join(" · ");
}

// A picture is changed only when the next one is there in whole, so that nothing flickers.
function swap(image, source, fit) {
  if (image.dataset.wanted === source) return fit(image);
  image.dataset.wanted = source;
  const next = new Image();
  next.src = source;
  next.decode().then(() => true, () => false).then(() => {
    if (image.dataset.wanted !== source) return;
    image.src = source;
    image.dataset.width = next.naturalWidth;
    fit(image);
  });
}

// Small pictures are shown in whole multiples of their size, if twice it or more fits: pixels stay even.
function fitSheet(image) {
  const natural = Number(image.dataset.width) || 0;
  const room = Math.min(image.closest("figure").clientWidth, Math.max(420, innerHeight * 0.78));
  const times = Math.max(1, Math.floor(room / natural));
  image.style.width = natural ? `${times > 1 ? natural * times : room}px` : "";
  image.classList.toggle("small", times > 1);
}

// A strip is as wide as the page allows; on a narrow page it is moved sideways.
function fitStrip(image) {
  const natural = Number(image.dataset.width) || 0;
  const room = image.closest("figure").clientWidth;
  const times = Math.max(1, Math.floor(room / natural));
  image.style.width = natural ? `${Math.max(720, times > 1 ? natural * times : Math.min(natural, room))}px` : "";
  image.classList.toggle("small", times > 1);
}

function choose(place) {
  chosenStep = place >= grids.length - 1 ? null : grids[place][1];
  showPlace(place);
  remember();
}

function play(isOn) {
  clearInterval(playing);
  playing = 0;
  playButton.ariaPressed = String(isOn);
  playButton.ariaLabel = playButton.title = isOn ? "Pause" : "Play";
  if (!isOn) return;
  if (placeNow() >= grids.length - 1) choose(0);
  playing = setInterval(() => {
    const place = placeNow() + 1;
    if (place >= grids.length) return play(false);
    choose(place);
    if (place === grids.length - 1) play(false);
  }, FRAME_MS);
}

timeSlider.addEventListener("input", () => {
  play(false);
  choose(Number(timeSlider.value));
});
playButton.addEventListener("click", () => play(!playing));
latestButton.addEventListener("click", () => {
  play(false);
  choose(grids.length - 1);
  timeSlider.focus();
});
addEventListener("resize", () => {
  fitSheet(sheetImage);
  fitStrip(stripImage);
});
