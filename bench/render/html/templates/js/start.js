function start(element, size) {
  const id = element.dataset.chart;
  const one = draw(id, charts[id], element, size);
  drawn.push(one);
  showMarks(one);
  const canvas = element.querySelector(".canvas");
  canvas.addEventListener("keydown", (event) => onKey(one, event));
  for (const kind of ["pointerdown", "pointermove"]) canvas.addEventListener(kind, (event) => onTouch(one, event));
  element.querySelector(".reset").addEventListener("click", () => { show(one, null); canvas.focus(); });
  new ResizeObserver(() => fit(one)).observe(canvas);
}

function fit({ plot, element }) {
  const { clientWidth: width, clientHeight: height } = element.querySelector(".canvas");
  if (width > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
}

// A folded chart is drawn when it is unfolded. All frames come before all sizes, and these before all drawings, so
// that the browser computes the layout once.
function startUnfolded() {
  const elements = [...document.querySelectorAll("[data-chart][hidden]")].filter((each) => !each.closest("details:not([open])"));
  for (const element of elements) frame(element.dataset.chart, charts[element.dataset.chart], element);
  const sizes = elements.map((element) => measure(charts[element.dataset.chart], element));
  elements.forEach((element, number) => start(element, sizes[number]));
  document.documentElement.dataset.drawn = String(drawn.length);
}

document.querySelectorAll("[data-copies]").forEach(enableCopying);
document.querySelectorAll("[data-download]").forEach(enableDownload);
document.querySelectorAll(".keyboard").forEach((each) => { each.hidden = false; });
startUnfolded();
document.addEventListener("toggle", startUnfolded, true);
followContents();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
queueMicrotask(() => performance.mark("drawn")); // uPlot draws in microtasks, which end before this one
