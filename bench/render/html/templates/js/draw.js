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
