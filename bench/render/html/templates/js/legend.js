const make = (tag, names, text) => {
  const element = document.createElement(tag);
  element.className = names;
  if (text) element.textContent = text;
  return element;
};

function sample(tone, dash) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const places = { x1: 0, x2: 18, y1: 4, y2: 4, class: tone, "stroke-dasharray": dash?.join(" ") ?? "none" };
  for (const [name, value] of Object.entries(places)) line.setAttribute(name, value);
  drawing.setAttribute("class", "sample");
  drawing.append(line);
  return drawing;
}

const LOOKS = { dots: "dot", crosses: "cross", counts: "cross", bars: "bars" };

function crossSample(tone) {
  const drawing = sample(tone);
  drawing.firstChild.setAttribute("x2", "8");
  drawing.firstChild.setAttribute("y1", "0");
  drawing.firstChild.setAttribute("y2", "8");
  const other = drawing.firstChild.cloneNode();
  other.setAttribute("y1", "8");
  other.setAttribute("y2", "0");
  drawing.append(other);
  return drawing;
}

function swatch({ look, tone, dash }) {
  if (look === "line") return sample(tone, dash);
  return look === "cross" ? crossSample(tone) : make("i", `swatch ${look} ${tone}`);
}

// Show both edges of a band as one entry: lowest to highest.
function legend(chart) {
  const lines = linesOf(chart).map((line, number) => ({ ...line, series: String(number) }));
  const edges = lines.filter((line) => line.look === "edge");
  const others = lines.filter((line) => line.look !== "edge").map((line) => ({
    ...line, look: LOOKS[line.look] ?? "line", dash: DASHES[line.look] ?? DASHES[line.tone],
  }));
  if (!edges.length) return others;
  const [high, low] = edges;
  const label = high.label.split(",")[0];
  return [{ look: "band", tone: "", label, series: `${low.series} ${high.series}` }, ...others];
}

function frame(id, chart, element) {
  element.hidden = false;
  const canvas = make("div", "canvas");
  const attributes = {
    role: "slider", tabindex: "0", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text`,
    "aria-valuemin": String(chart.layers.at(-1).at[0]), "aria-valuemax": String(chart.layers.at(-1).at.at(-1)),
    "aria-valuenow": String(chart.layers.at(-1).at[0]), "aria-valuetext": "arrow keys read the values",
  };
  for (const [name, value] of Object.entries(attributes)) canvas.setAttribute(name, value);
  const isPlain = linesOf(chart).length === 1 && chart.layers[0].lines[0].look === "line"; // the title names its line
  const keys = make("p", isPlain ? "keys plain" : "keys");
  (isPlain ? [{ series: "0" }] : legend(chart)).forEach(({ look, tone, label, series, dash }) => {
    const key = make("span", "key");
    const value = make("b", "value");
    value.dataset.series = series;
    if (look) key.append(swatch({ look, tone, dash }), label);
    key.append(value);
    keys.append(key);
  });
  const reset = make("button", "reset", "Show all");
  reset.type = "button";
  reset.hidden = true;
  keys.append(make("span", "foot"), make("span", "place"), reset);
  element.append(canvas, keys);
}
