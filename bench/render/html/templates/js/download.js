// Downloads of a panel as PNG and CSV. A panel is `<figure class="panel" data-download="name">` with a heading in
// its `figcaption`, where the two buttons go. The picture shows the panel as it is on the page: its texts, fields,
// SVG drawings and charts, without buttons and folded parts. The CSV has the data of the panel's chart, or else the
// cells of its tables. No other element or class is needed.
const PICTURE_SCALE = 2;
const PICTURE_MARGIN = 16;
const SPILL = 40; // a drawing may have texts this far outside its field
const OMITTED = ".downloads, .reset, .unseen, .keyboard, details, button, [hidden]";
const DRAWN_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-opacity", "paint-order",
  "opacity", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "display", "visibility", "overflow"];

function chartIn(panel) {
  startWaiting(runOf(panel));
  return drawn.find(({ element }) => panel.contains(element) && element.closest("[data-download]") === panel);
}

const isShown = (element) => !element.closest(OMITTED) && element.getClientRects().length > 0;
const boxIn = (frame, box) => ({ x: box.left - frame.left, y: box.top - frame.top, width: box.width, height: box.height });

function loadImage(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("a drawing cannot be turned into a picture"));
    image.src = address;
  });
}

// The style sheet does not reach a picture, so each shape gets its own style.
function copyStyles(from, to) {
  const style = getComputedStyle(from);
  for (const name of DRAWN_STYLES) to.setAttribute(name, style.getPropertyValue(name));
  to.removeAttribute("class");
  [...from.children].forEach((child, number) => copyStyles(child, to.children[number]));
}

async function drawingOf(svg, scale) {
  const { width, height } = svg.getBoundingClientRect();
  const inner = svg.cloneNode(true);
  copyStyles(svg, inner);
  for (const [name, value] of Object.entries({ x: SPILL, y: SPILL, width, height, overflow: "visible" })) inner.setAttribute(name, value);
  const outer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const size = [width + 2 * SPILL, height + 2 * SPILL];
  outer.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
  outer.setAttribute("width", size[0] * scale);
  outer.setAttribute("height", size[1] * scale);
  const hatches = document.getElementById("hatches");
  if (hatches) {
    const copy = hatches.cloneNode(true);
    copyStyles(hatches, copy);
    outer.append(copy);
  }
  outer.append(inner);
  return loadImage(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(outer))}`);
}

// Draw a chart again, with sharp lines and letters for the scale of the picture.
function canvasOf({ chart, element, plot }, scale) {
  return new Promise((resolve) => {
    const options = optionsOf(chart, element, measure(chart, element), scale / devicePixelRatio);
    const { min, max } = plot.scales.x;
    options.cursor = { show: false };
    options.scales.x.range = () => [min, max];
    options.hooks.draw = [...options.hooks.draw, (copy) => resolve(copy.ctx.canvas)];
    new uPlot(options, joinLayers(chart), document.createElement("div"));
  });
}

function drawFields(ctx, panel, frame) {
  for (const element of panel.querySelectorAll("*")) {
    const fill = getComputedStyle(element).backgroundColor;
    if (fill === "rgba(0, 0, 0, 0)" || fill === "transparent" || element.closest("svg, .canvas") || !isShown(element)) continue;
    const { x, y, width, height } = boxIn(frame, element.getBoundingClientRect());
    ctx.fillStyle = fill;
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, parseFloat(getComputedStyle(element).borderRadius) || 0);
    ctx.fill();
  }
}

// Draw each word where the page shows it.
function drawTexts(ctx, panel, frame) {
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  ctx.textBaseline = "middle";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest("svg, .canvas") || !isShown(parent)) continue;
    const style = getComputedStyle(parent);
    ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    ctx.fillStyle = style.color;
    for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const { x, y, height } = boxIn(frame, range.getBoundingClientRect());
      ctx.fillText(word, x, y + height / 2);
    }
  }
}

async function pictureOf(panel) {
  const box = panel.getBoundingClientRect();
  const contents = [...panel.querySelectorAll("figcaption, figcaption ~ *, svg")].filter(isShown).map((each) => each.getBoundingClientRect());
  const bottom = Math.max(...contents.map((each) => each.bottom));
  const frame = { left: box.left - PICTURE_MARGIN, top: box.top - PICTURE_MARGIN };
  const picture = document.createElement("canvas");
  picture.width = (box.width + 2 * PICTURE_MARGIN) * PICTURE_SCALE;
  picture.height = (bottom - box.top + 2 * PICTURE_MARGIN) * PICTURE_SCALE;
  const ctx = picture.getContext("2d");
  ctx.scale(PICTURE_SCALE, PICTURE_SCALE);
  ctx.fillStyle = colour(panel, "raised");
  ctx.fillRect(0, 0, picture.width, picture.height);
  drawFields(ctx, panel, frame);
  for (const svg of panel.querySelectorAll("svg")) {
    if (!isShown(svg) || svg.parentElement.closest("svg")) continue;
    const { x, y, width, height } = boxIn(frame, svg.getBoundingClientRect());
    ctx.drawImage(await drawingOf(svg, PICTURE_SCALE), x - SPILL, y - SPILL, width + 2 * SPILL, height + 2 * SPILL);
  }
  const one = chartIn(panel);
  if (one) {
    const { x, y, width, height } = boxIn(frame, one.plot.ctx.canvas.getBoundingClientRect());
    ctx.drawImage(await canvasOf(one, PICTURE_SCALE), x, y, width, height);
  }
  drawTexts(ctx, panel, frame);
  return new Promise((resolve) => { picture.toBlob(resolve, "image/png"); });
}

// A cell that a spreadsheet would evaluate gets an apostrophe in front; a signed number with its unit stays.
function csvCell(value) {
  if (typeof value === "number") return String(value);
  const line = String(value ?? "").replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").trim();
  const isNumber = /^[+-]?\d[\d.,]*( ?(%|ms|s|kB|MB|GB))?$/.test(line);
  const text = !isNumber && /^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(line) ? `'${line}` : line;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvOf = (rows) => rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join(""); // RFC 4180

function chartRows({ chart }) {
  const [at, ...values] = joinLayers(chart);
  const across = chart.across === "percentile" ? "percentile" : `${AXES[chart.across] ?? chart.across} (${UNITS[chart.across] ?? chart.across})`;
  const heads = linesOf(chart).map((line) => `${line.label} (${UNITS[line.unit ?? chart.unit] ?? chart.unit})`);
  const place = (each) => (chart.across === "date" ? new Date(1000 * each).toISOString() : chart.across === "percentile" ? Number((100 * (1 - 10 ** -each)).toPrecision(8)) : each);
  return [[across, ...heads], ...at.map((each, index) => [place(each), ...values.map((of) => of[index] ?? "")])];
}

function tableRows(panel) {
  const tables = [...panel.querySelectorAll("table")];
  return tables.flatMap((table, number) => [
    ...(number ? [[]] : []),
    ...(tables.length > 1 ? [[table.caption?.textContent]] : []),
    ...[...table.rows].map((row) => [...row.cells].filter((cell) => !cell.matches(".interval")).map((cell) => cell.textContent)),
  ]);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function enableDownload(panel) {
  const caption = panel.querySelector("figcaption");
  const title = caption.querySelector("h1, h2, h3, h4").textContent;
  const name = panel.dataset.download;
  const actions = {
    PNG: async () => save(await pictureOf(panel), `${name}.png`),
    CSV: () => {
      const one = chartIn(panel);
      save(new Blob([csvOf(one ? chartRows(one) : tableRows(panel))], { type: "text/csv" }), `${name}.csv`);
    },
  };
  const group = make("span", "downloads");
  for (const [kind, action] of Object.entries(actions)) {
    const button = make("button", "download", kind);
    button.type = "button";
    button.setAttribute("aria-label", `Download as ${kind}: ${title}`);
    button.addEventListener("click", action);
    group.append(button);
  }
  caption.append(group);
}
