(() => {
  "use strict";

  // Lines of equal importance differ in colour and in dashes.
  const DASHES = { dashed: [5, 4], edge: [2, 3], c2: [8, 3], c3: [2, 2], c4: [8, 3, 2, 3], c5: [4, 4], c6: [1, 3] };
  const FEWEST_PLACES = 3; // the least that a zoom shows
  const MOST_POINTS = 24; // a longer line has no markers
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const drawn = [];

  const colour = (element, tone) => getComputedStyle(element).getPropertyValue(`--${tone}`).trim();

  const digits = (value, most) => Number(value.toPrecision(most)).toLocaleString("en", { maximumFractionDigits: 6 });

  function formatValue(value, unit) {
    if (value === null || value === undefined) return "–";
    switch (unit) {
      case "ms": return Math.abs(value) >= 9999.5 ? `${(value / 1000).toFixed(1)} s` : `${digits(value, 3)} ms`;
      case "share": return `${digits(100 * value, 3)} %`;
      case "pct": return `${digits(value, 3)} %`;
      case "bytes": return `${digits(value / 1e6, 3)} MB`;
      case "rps": return `${digits(value, 3)}/s`;
      case "s": return `${digits(value, 4)} s`;
      case "date": return new Date(1000 * value).toISOString().slice(0, 16).replace("T", " ");
      case "users": return `${digits(value, 4)} users`;
      case "requests/s": return `${digits(value, 4)} requests/s`;
      default: return digits(value, 4);
    }
  }

  const overTime = (chart) => chart.across === "s" || chart.across === "date";

  // Dots and lines have different places; uPlot needs one list of places, with gaps in the values.
  function joinLayers(chart) {
    return uPlot.join(chart.layers.map((layer) => [layer.at, ...layer.lines.map((line) => line.values)]));
  }

  function nearest(values, index) {
    for (let step = 0; step < values.length; step++) {
      for (const each of [index - step, index + step]) {
        if (values[each] !== null && values[each] !== undefined) return each;
      }
    }
    return index;
  }

  function seriesOf(line, element) {
    const marked = line.look === "line" && line.values.length <= MOST_POINTS;
    const paint = () => colour(element, line.tone);
    const dots = line.look === "dots";
    return {
      label: line.label,
      stroke: paint,
      width: line.look === "edge" ? 0.75 : line.tone === "accent" ? 2.25 : 1.5,
      dash: DASHES[line.look] ?? DASHES[line.tone],
      spanGaps: line.look !== "step",
      paths: dots ? () => null : line.look === "step" ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: dots ? { show: true, size: 5, stroke: paint, fill: paint, width: 0 } : { show: marked, size: 5, stroke: paint, fill: paint, width: 0 },
    };
  }

  // Shade every second phase, and each outage.
  function shade(plot, periods, tone, element, every) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour(element, tone);
    periods.forEach(([start, end], number) => {
      if (number % every) return;
      const from = plot.valToPos(start, "x", true);
      const to = plot.valToPos(end, "x", true);
      ctx.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height);
    });
    ctx.restore();
  }

  // Draw a vertical line at each change point.
  function mark(plot, marks, element) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const [at, tone] of marks) {
      const x = Math.round(plot.valToPos(at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = colour(element, tone);
      ctx.fillRect(x, bbox.top, Math.max(2, Math.round(1.5 * devicePixelRatio)), bbox.height);
    }
    ctx.restore();
  }

  function reach(chart, least, most) {
    if (chart.from_zero) return [0, chart.unit === "share" ? 1.02 : most > 0 ? most * 1.08 : 1];
    // Show at least 20 % around the middle, so that noise looks small.
    const middle = (least + most) / 2;
    const half = Math.max((most - least) * 0.6, chart.unit === "share" ? 0.025 : middle * 0.2) || 1;
    return [Math.max(0, middle - half), chart.unit === "share" ? Math.min(1.002, middle + half) : middle + half];
  }

  // A label at the foot of the scale would overlap the dates below it.
  function low(plot, chart, value) {
    const { min, max } = plot.scales.y;
    return !chart.from_zero && value - min < 0.08 * (max - min);
  }

  // Show days, or days and times if the ticks are closer than a day.
  const formatDates = (ticks, step_s) => ticks.map((each) => formatValue(each, "date").slice(step_s < 86400 ? 5 : 0, step_s < 86400 ? 16 : 10));

  function draw(id, chart, element) {
    const lines = chart.layers.flatMap((layer) => layer.lines);
    const data = joinLayers(chart);
    const canvas = element.querySelector(".canvas");
    const ink = () => colour(element, "soft");
    const grid = { stroke: () => colour(element, "line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const edges = lines.flatMap((line, number) => (line.look === "edge" ? [number + 1] : []));
    const last = chart.end ?? data[0].at(-1);
    const options = {
      tzDate: (at_s) => uPlot.tzDate(new Date(1000 * at_s), "Etc/UTC"),
      width: canvas.clientWidth,
      height: canvas.clientHeight,
      legend: { show: false },
      padding: [12, 28, 0, 0],
      scales: {
        x: { time: chart.across === "date", range: (_, from, to) => [from, to] },
        y: { range: (_, least, most) => reach(chart, least, most) },
      },
      axes: [
        { ...axis, size: 30, space: chart.across === "date" ? 96 : 72, grid: { show: false }, values: (_, ticks, __, ___, step) => (chart.across === "date" ? formatDates(ticks, step) : ticks.map((each) => formatValue(each, chart.across))) },
        { ...axis, size: 72, space: 26, values: (plot, ticks) => ticks.map((each) => (low(plot, chart, each) ? "" : formatValue(each, chart.unit))) },
      ],
      series: [{}, ...lines.map((line) => seriesOf(line, element))],
      bands: edges.length === 2 ? [{ series: edges, fill: () => colour(element, "band") }] : [],
      cursor: {
        y: false,
        drag: { x: true, y: false },
        sync: { key: overTime(chart) ? "time" : id, scales: ["x", null] },
        dataIdx: (plot, number, index) => (number ? nearest(plot.data[number], index) : index),
        points: { size: 7 },
      },
      hooks: {
        drawClear: [(plot) => {
          shade(plot, chart.phases, "shade", element, 2);
          shade(plot, chart.outages, "fault", element, 1);
          mark(plot, chart.marks, element);
        }],
        setCursor: [(plot) => read(plot, chart, element)],
        setScale: [(plot, key) => key === "x" && onZoom(plot, element)],
      },
    };
    const from = chart.end === null ? data[0][0] : 0;
    const plot = new uPlot(options, data, canvas);
    const room = chart.across === "date" ? (last - from) * 0.02 || 43200 : 0;
    const all = { min: from - room, max: last + room };
    plot.setScale("x", all);
    return { plot, chart, element, all };
  }

  // Show the values at the cursor in the legend.
  function read(plot, chart, element) {
    const { idx, idxs } = plot.cursor;
    const known = idx !== null && idx !== undefined;
    const values = plot.series.slice(1).map((_, number) => (known ? plot.data[number + 1][idxs[number + 1]] : null));
    for (const each of element.querySelectorAll(".value")) {
      const own = each.dataset.series.split(" ").map((number) => formatValue(values[number], chart.unit));
      each.textContent = known ? ` ${own.join(" to ")}` : "";
    }
    const place = known ? formatValue(plot.data[0][idx], chart.across) : "";
    element.querySelector(".place").textContent = place && `at ${place}`;
    if (!known) return;
    const slider = element.querySelector(".canvas");
    const texts = plot.series.slice(1).map((each, number) => `${each.label} ${formatValue(values[number], chart.unit)}`);
    slider.setAttribute("aria-valuenow", String(plot.data[0][idx]));
    slider.setAttribute("aria-valuetext", `at ${place}: ${texts.join(", ")}`);
  }

  function onZoom(plot, element) {
    const one = drawn.find((each) => each.plot === plot);
    if (!one) return;
    const { min, max } = plot.scales.x;
    element.querySelector(".reset").hidden = min <= one.all.min && max >= one.all.max;
  }

  function forLinked(one, action) {
    for (const each of drawn) {
      if (each === one || (overTime(each.chart) && overTime(one.chart))) action(each);
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

  // Show both edges of a band as one entry: lowest to highest.
  function legend(chart) {
    const lines = chart.layers.flatMap((layer) => layer.lines).map((line, number) => ({ ...line, series: String(number) }));
    const edges = lines.filter((line) => line.look === "edge");
    const others = lines.filter((line) => line.look !== "edge").map((line) => ({
      ...line, look: line.look === "dots" ? "dot" : "line", dash: DASHES[line.look] ?? DASHES[line.tone],
    }));
    if (!edges.length) return others;
    const [high, low] = edges;
    const label = high.label.split(",")[0];
    return [{ look: "band", tone: "", label, series: `${low.series} ${high.series}` }, ...others];
  }

  function frame(id, chart, element) {
    const canvas = make("div", "canvas");
    const attributes = {
      role: "slider", tabindex: "0", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text`,
      "aria-valuemin": String(chart.layers.at(-1).at[0]), "aria-valuemax": String(chart.layers.at(-1).at.at(-1)),
      "aria-valuenow": String(chart.layers.at(-1).at[0]), "aria-valuetext": "arrow keys read the values",
    };
    for (const [name, value] of Object.entries(attributes)) canvas.setAttribute(name, value);
    const keys = make("p", "keys");
    legend(chart).forEach(({ look, tone, label, series, dash }) => {
      const key = make("span", "key");
      const value = make("b", "value");
      value.dataset.series = series;
      key.append(look === "line" ? sample(tone, dash) : make("i", `swatch ${look} ${tone}`), label, value);
      keys.append(key);
    });
    const reset = make("button", "reset", "Show all");
    reset.type = "button";
    reset.hidden = true;
    keys.append(make("span", "place"), reset);
    element.append(canvas, keys);
    element.hidden = false;
  }

  function start(id, chart) {
    const element = document.querySelector(`[data-chart="${id}"]`);
    frame(id, chart, element);
    const one = draw(id, chart, element);
    drawn.push(one);
    const canvas = element.querySelector(".canvas");
    canvas.addEventListener("keydown", (event) => onKey(one, event));
    element.querySelector(".reset").addEventListener("click", () => { show(one, null); canvas.focus(); });
    new ResizeObserver(() => fit(one)).observe(canvas);
  }

  function fit({ plot, element }) {
    const { clientWidth: width, clientHeight: height } = element.querySelector(".canvas");
    if (width > 0 && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
  }

  const redraw = () => drawn.forEach(({ plot }) => plot.redraw(false));

  function print(on) {
    document.documentElement.toggleAttribute("data-printed", on);
    redraw();
  }

  function enableCopying(button) {
    const status = button.parentElement.querySelector("[role=status]");
    const area = document.getElementById(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", async () => {
      area.select();
      try {
        await navigator.clipboard.writeText(area.value);
        status.textContent = "Copied.";
      } catch {
        status.textContent = "Selected: press Ctrl+C to copy.";
      }
    });
  }

  Object.entries(charts).forEach(([id, chart]) => start(id, chart));
  document.querySelectorAll("[data-copies]").forEach(enableCopying);
  document.querySelectorAll(".keyboard").forEach((each) => { each.hidden = false; });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  document.documentElement.dataset.drawn = String(drawn.length);
  performance.mark("drawn");
})();
