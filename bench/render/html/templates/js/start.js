function start(element) {
  const id = element.dataset.chart;
  const chart = charts[id];
  frame(id, chart, element);
  const one = draw(id, chart, element);
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

// A folded chart is drawn when it is unfolded.
function startUnfolded() {
  for (const element of document.querySelectorAll("[data-chart][hidden]")) {
    if (!element.closest("details:not([open])")) start(element);
  }
  document.documentElement.dataset.drawn = String(drawn.length);
}

startUnfolded();
document.addEventListener("toggle", startUnfolded, true);
document.querySelectorAll("[data-copies]").forEach(enableCopying);
document.querySelectorAll("[data-download]").forEach(enableDownload);
followContents();
document.querySelectorAll(".keyboard").forEach((each) => { each.hidden = false; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
performance.mark("drawn");
