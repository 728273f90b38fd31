// Before anything is painted: the choice of an earlier visit. Pages on a disk may have no storage.
try {
  const theme = localStorage.getItem("ganplugin-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {}
