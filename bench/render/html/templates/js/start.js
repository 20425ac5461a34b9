function start(id, chart) {
  const element = document.querySelector(`[data-chart="${id}"]`);
  frame(id, chart, element);
  const one = draw(id, chart, element);
  drawn.push(one);
  showMarks(one);
  const canvas = element.querySelector(".canvas");
  canvas.addEventListener("keydown", (event) => onKey(one, event));
  element.querySelector(".reset").addEventListener("click", () => { show(one, null); canvas.focus(); });
  new ResizeObserver(() => fit(one)).observe(canvas);
}

function fit({ plot, element }) {
  const { clientWidth: width, clientHeight: height } = element.querySelector(".canvas");
  if (width > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
}

Object.entries(charts).forEach(([id, chart]) => start(id, chart));
document.querySelectorAll("[data-copies]").forEach(enableCopying);
followContents();
document.querySelectorAll(".keyboard").forEach((each) => { each.hidden = false; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
document.documentElement.dataset.drawn = String(drawn.length);
performance.mark("drawn");
