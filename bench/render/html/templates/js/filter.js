// Filter the rows of the front page. The address keeps the choice: index.html#search=quick&verdict=worse.
(() => {
  "use strict";

  const STEP = 50; // rows that one press of "Show more" adds; no filter shows more rows at once
  const PAUSE_MS = 400; // browsers refuse more than 100 changes of the address within 10 or 30 seconds
  const form = document.getElementById("filters");
  const status = document.getElementById("matches");
  const more = document.getElementById("more");
  const rows = [...document.querySelectorAll("#rows tbody tr")];
  // The verdict is compared as a whole: "worse" does not match "not worse".
  const texts = rows.map((row) => [...row.cells].filter((cell) => !cell.matches(".verdict-cell")).map((cell) => cell.textContent).join(" ").toLowerCase());
  const NAMES = ["search", "stack", "branch", "verdict"];
  const names = NAMES.filter((name) => form.elements[name]); // a page with one stack has no choice of it
  let limit = STEP;
  let shown = [];
  let remembered = -PAUSE_MS; // the time of the last change of the address
  let pause = null; // the timer of a change that the address does not have yet

  // One table has all rows: the folded part is for readers without this script.
  const folded = document.querySelector("#rows details");
  if (folded) {
    for (const row of folded.querySelectorAll("tbody tr")) row.hidden = true;
    document.querySelector("#rows tbody").append(...folded.querySelectorAll("tbody tr"));
    folded.remove();
  }
  rows.slice(0, STEP).forEach((row) => { row.hidden = false; });
  rows.slice(STEP).forEach((row) => { row.hidden = true; });
  shown = rows.slice(0, STEP);

  function matchesOf(choice) {
    const words = choice.search.toLowerCase().split(/\s+/).filter(Boolean);
    const phrase = words.join(" ");
    return rows.filter((row, number) =>
      NAMES.slice(1).every((name) => !choice[name] || row.dataset[name] === choice[name]) &&
      (row.dataset.verdict.startsWith(phrase) ||
        words.every((word) => texts[number].includes(word) || row.dataset.verdict.startsWith(word))));
  }

  const chosen = () => Object.fromEntries(NAMES.map((name) => [name, form.elements[name]?.value ?? ""]));

  // Change only the rows that appear or disappear: at most twice the limit.
  function apply() {
    const matches = matchesOf(chosen());
    const next = matches.slice(0, limit);
    const stay = new Set(next);
    for (const row of shown) if (!stay.has(row)) row.hidden = true;
    for (const row of next) if (row.hidden) row.hidden = false;
    shown = next;
    const rest = matches.length - next.length;
    more.hidden = rest === 0;
    more.textContent = `Show ${Math.min(STEP, rest)} more`;
    const isAll = matches.length === rows.length;
    status.textContent = isAll ? `${rows.length} scenarios` : `${matches.length} of ${rows.length} scenarios`;
  }

  function remember() {
    clearTimeout(pause);
    pause = null;
    remembered = performance.now();
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(chosen())) if (value) parameters.set(name, value);
    const text = parameters.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  // A value that is no choice of this page is ignored.
  function choose(field, value) {
    if (field instanceof RadioNodeList) {
      ([...field].find((each) => each.value === value) ?? field[0]).checked = true;
    } else {
      field.value = value;
      if (field.value !== value) field.value = "";
    }
  }

  function recall() {
    clearTimeout(pause);
    pause = null;
    const parameters = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    for (const name of names) choose(form.elements[name], parameters.get(name) ?? "");
    apply();
  }

  function change() {
    limit = STEP;
    apply();
    const wait = remembered + PAUSE_MS - performance.now();
    if (wait <= 0) remember();
    else pause ??= setTimeout(remember, wait);
  }

  form.addEventListener("input", change);
  form.addEventListener("focusout", () => { if (pause !== null) remember(); }); // the reader may leave the page
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(change)); // after the fields are reset
  more.addEventListener("click", () => {
    const first = shown.length;
    limit += STEP;
    apply();
    shown[first]?.querySelector("a").focus(); // the reader continues at the first new row
  });
  addEventListener("hashchange", recall);
  form.hidden = false;
  document.querySelectorAll("[data-copies]").forEach(enableCopying);
  recall();
})();
