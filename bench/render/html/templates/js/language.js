// Some systems name a language that is none, such as "C" or "en-US@posix", and the chart library cannot start with it.
(() => {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en" });
  }
})();
