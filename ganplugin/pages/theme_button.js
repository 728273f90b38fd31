// The button that turns the page dark or light.
const themeButton = document.getElementById("theme");
const darkWish = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : darkWish.matches;
}

function markTheme() {
  themeButton.ariaPressed = String(isDark());
}

themeButton.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  markTheme();
  try {
    localStorage.setItem("ganplugin-theme", theme);
  } catch {}
});
darkWish.addEventListener("change", markTheme);
markTheme();
