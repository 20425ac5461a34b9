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
  if (hasRequests(one)) enableChoosing(one);
}

function fit({ plot, element }) {
  const { clientWidth: width, clientHeight: height } = element.querySelector(".canvas");
  if (width > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
}

// On a page of several runs, the charts of a run are drawn when it is at most one window away.
const waiting = new Set([...document.querySelectorAll("article")].filter((run, number) => number && run.getBoundingClientRect().top > 2 * innerHeight));
const approach = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) startWaiting(target);
}, { rootMargin: "100% 0px" });

// A folded chart is drawn when it is unfolded. All frames come before all sizes, and these before all drawings, so
// that the browser computes the layout once.
function startUnfolded() {
  const elements = [...document.querySelectorAll("[data-chart][hidden]")].filter((each) => !each.closest("details:not([open])") && !waiting.has(runOf(each)));
  for (const element of elements) frame(element.dataset.chart, charts[element.dataset.chart], element);
  const sizes = elements.map((element) => measure(charts[element.dataset.chart], element));
  elements.forEach((element, number) => start(element, sizes[number]));
  document.documentElement.dataset.drawn = String(drawn.length);
}

// Draw the charts of a run now; without a run, those of all.
function startWaiting(run) {
  if (run && !waiting.has(run)) return;
  for (const each of run ? [run] : [...waiting]) {
    waiting.delete(each);
    approach.unobserve(each);
  }
  startUnfolded();
}

const isHidden = (id) => document.getElementById(id).hidden; // a report that is not unpacked yet
[...document.querySelectorAll("[data-copies]")].filter((each) => !isHidden(each.dataset.copies)).forEach(enableCopying);
document.querySelectorAll("[data-download]").forEach(enableDownload);
document.querySelectorAll(".keyboard").forEach((each) => { each.hidden = false; });
startUnfolded();
waiting.forEach((run) => approach.observe(run));
document.addEventListener("toggle", startUnfolded, true);
followContents();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => { startWaiting(); print(true); });
addEventListener("afterprint", () => print(false));
queueMicrotask(() => performance.mark("drawn")); // uPlot draws in microtasks, which end before this one
