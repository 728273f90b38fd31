// What all pages are made with.
// An element with properties and children. Text stays text: nothing here is ever parsed as HTML.
function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// A path below the page's folder as an address: names may hold #, ? and %.
function address(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

// For those who hear the page.
function say(text) {
  document.getElementById("said").textContent = text;
}

function makeCommand(text) {
  // Lines break between words alone: a break after a hyphen reads like another option.
  const code = make("code", {}, ...text.split(/(?= )/).flatMap(word => [word.startsWith(" ") ? " " : "", make("span", {}, word.trim())]));
  const button = make("button", { type: "button", className: "quiet copy" }, "Copy");
  button.ariaLabel = `Copy: ${text}`;
  button.addEventListener("click", async () => {
    const isCopied = await copy(text, code);
    button.textContent = isCopied ? "Copied" : "Selected";
    say(isCopied ? "Copied" : "Selected: press Ctrl C");
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  return make("div", { className: "command" }, code, button);
}

async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Some browsers keep the clipboard from pages on a disk.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
