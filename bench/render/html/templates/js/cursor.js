// Show the values at the cursor in the legend; a small chart has one value.
function read(plot, chart, element) {
  const { idx, idxs } = plot.cursor;
  const known = idx !== null && idx !== undefined;
  const lines = linesOf(chart);
  const texts = lines.map((line, number) => formatValue(known ? plot.data[number + 1][idxs[number + 1]] : null, line.unit ?? chart.unit));
  for (const each of element.querySelectorAll(".value")) {
    const own = each.dataset.series.split(" ").map((number) => texts[number]);
    each.textContent = known ? ` ${own.join(" to ")}` : "";
  }
  const place = known ? formatValue(plot.data[0][idx], chart.across) : "";
  element.querySelector(".place").textContent = place && `at ${place}`;
  if (!known) return;
  const slider = element.querySelector(".canvas");
  slider.setAttribute("aria-valuenow", String(plot.data[0][idx]));
  slider.setAttribute("aria-valuetext", `at ${place}: ${lines.map((line, number) => `${line.label} ${texts[number]}`).join(", ")}`);
}

function onZoom(plot, element) {
  const one = drawn.find((each) => each.plot === plot);
  if (!one) return;
  const { min, max } = plot.scales.x;
  element.querySelector(".reset").hidden = min <= one.all.min && max >= one.all.max;
}

// Charts over the time of the same run share their cursor and their zoom.
const runOf = (element) => element.closest("article");

function forLinked(one, action) {
  for (const each of drawn) {
    const isLinked = overTime(each.chart) && overTime(one.chart) && runOf(each.element) === runOf(one.element);
    if (each === one || isLinked) action(each);
  }
}

const show = (one, range) => forLinked(one, (each) => each.plot.setScale("x", range ?? each.all));

function move(one, step) {
  const { plot, chart } = one;
  const places = chart.layers.at(-1).at;
  const { min, max } = plot.scales.x;
  const inside = places.filter((each) => each >= min && each <= max);
  if (!inside.length) return;
  const at = plot.cursor.idx === null ? null : plot.data[0][plot.cursor.idx];
  let index = at === null || at === undefined ? -1 : inside.findIndex((each) => each >= at);
  if (index < 0) index = step > 0 ? -1 : inside.length;
  const next = inside[Math.min(inside.length - 1, Math.max(0, index + step))];
  plot.setCursor({ left: plot.valToPos(next, "x"), top: plot.over.clientHeight / 2 }, true, true);
}

function zoom(one, factor) {
  const { plot, all, chart } = one;
  const { min, max } = plot.scales.x;
  const places = chart.layers.at(-1).at;
  const least = (FEWEST_PLACES * (all.max - all.min)) / places.length;
  const width = Math.min(all.max - all.min, Math.max(least, (max - min) * factor));
  const at = plot.cursor.idx === null ? (min + max) / 2 : plot.data[0][plot.cursor.idx];
  const from = Math.min(Math.max(all.min, at - width / 2), all.max - width);
  show(one, { min: from, max: from + width });
}

function onKey(one, event) {
  const actions = {
    ArrowLeft: () => move(one, -1), ArrowRight: () => move(one, 1),
    ArrowDown: () => move(one, -1), ArrowUp: () => move(one, 1),
    PageDown: () => move(one, -10), PageUp: () => move(one, 10),
    Home: () => move(one, -Infinity), End: () => move(one, Infinity),
    "+": () => zoom(one, 0.5), "=": () => zoom(one, 0.5), "-": () => zoom(one, 2),
    Escape: () => show(one, null), 0: () => show(one, null),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

// A finger reads the values, and scrolls the page only up and down.
function onTouch({ plot }, event) {
  if (event.pointerType !== "touch") return;
  const box = plot.over.getBoundingClientRect();
  plot.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top }, true, true);
}
