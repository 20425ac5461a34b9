const WIDEST = 370; // pixels of a text at a mark; a mark with less space at its right shows it at its left

// A button at each mark with a text: it shows the text on hover and on focus, and Escape hides it.
function showMarks({ plot, chart, element }) {
  const texts = chart.marks.filter(([, , text]) => text);
  if (!texts.length) return;
  const layer = make("div", "marks");
  const flags = texts.map(([at, tone, text]) => {
    const flag = make("button", `flag tone-${tone}`);
    flag.type = "button";
    flag.setAttribute("aria-label", text.split("\n").join(". "));
    const tip = make("span", "tip", text);
    tip.setAttribute("aria-hidden", "true"); // the name of the button has the same text
    flag.append(tip);
    flag.addEventListener("keydown", (event) => { if (event.key === "Escape") flag.classList.add("closed"); });
    for (const event of ["blur", "mouseleave"]) flag.addEventListener(event, () => flag.classList.remove("closed"));
    layer.append(flag);
    return { flag, at };
  });
  // The marks are no children of the chart, whose own keys read its values.
  element.append(layer);
  const place = () => {
    const field = plot.over.getBoundingClientRect();
    const around = element.getBoundingClientRect();
    const { min, max } = plot.scales.x;
    for (const { flag, at } of flags) {
      flag.hidden = at < min || at > max;
      const x = plot.valToPos(at, "x");
      flag.style.left = `${field.left - around.left + x}px`;
      flag.style.top = `${field.top - around.top}px`;
      flag.classList.toggle("left", field.left + x + WIDEST > document.documentElement.clientWidth);
    }
  };
  (plot.hooks.draw ??= []).push(place);
  place();
}
