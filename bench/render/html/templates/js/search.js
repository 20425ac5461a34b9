// Show the rows of the front page whose scenario, judgement or date contains each word of the search.
(() => {
  "use strict";

  const field = document.getElementById("search");
  const status = document.getElementById("matches");
  const scenarios = document.getElementById("scenarios-rows");
  const rows = [...scenarios.querySelectorAll("tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const folded = scenarios.querySelector("details");

  function search() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matches = 0;
    rows.forEach((row, number) => {
      row.hidden = !words.every((word) => texts[number].includes(word));
      matches += !row.hidden;
    });
    if (folded) folded.open = words.length > 0;
    status.textContent = words.length ? `${matches} of ${rows.length} scenarios` : "";
  }

  field.addEventListener("input", search);
  document.getElementById("searching").hidden = false;
  search();
})();
