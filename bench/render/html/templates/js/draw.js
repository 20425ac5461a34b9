const overTime = (chart) => chart.across === "s" || chart.across === "date";
const linesOf = (chart) => chart.layers.flatMap((layer) => layer.lines);
const hasBars = (chart) => linesOf(chart).some((line) => line.look === "bars");
const isMark = (line) => ["dots", "crosses", "counts"].includes(line.look);

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

function pathsOf(line) {
  if (isMark(line)) return () => null;
  if (line.look === "step") return uPlot.paths.stepped({ align: 1 });
  return line.look === "bars" ? uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: 1 }) : undefined;
}

function seriesOf(line, element, scale) {
  const paint = () => colour(element, line.tone);
  const dots = line.look === "dots";
  const marked = dots || (line.look === "line" && line.values.length <= MOST_POINTS);
  const width = WIDTHS[line.look] ?? (line.tone === "accent" ? 2.25 : 1.75);
  return {
    label: line.label,
    scale: line.look === "counts" ? "counts" : "y",
    stroke: paint,
    fill: line.look === "bars" ? () => `${paint()}99` : undefined,
    width: width * scale,
    dash: (DASHES[line.look] ?? DASHES[line.tone])?.map((length) => length * scale),
    spanGaps: line.look !== "step",
    paths: pathsOf(line),
    points: { show: marked, size: (dots && line.values.length > MOST_POINTS ? 4 : dots ? 7 : 5) * scale, stroke: paint, fill: paint, width: 0 },
  };
}

// Run an action inside the field of the chart, or also above it.
function inField(plot, above, action) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, above ? 0 : bbox.top, bbox.width, bbox.height + (above ? bbox.top : 0));
  ctx.clip();
  action(ctx, bbox);
  ctx.restore();
}

// Shade every second phase.
function shade(plot, phases, element) {
  inField(plot, false, (ctx, bbox) => {
    ctx.fillStyle = colour(element, "shade");
    phases.forEach(([start, end], number) => {
      if (number % 2) return;
      const from = plot.valToPos(start, "x", true);
      ctx.fillRect(from, bbox.top, Math.max(1, plot.valToPos(end, "x", true) - from), bbox.height);
    });
  });
}

// Mark events: a tinted field with a solid edge at its top.
function span(plot, spans, element, unit) {
  inField(plot, false, (ctx, bbox) => {
    for (const [start, end, tone] of spans) {
      const from = plot.valToPos(start, "x", true);
      const width = Math.max(2 * unit, plot.valToPos(end, "x", true) - from);
      ctx.fillStyle = colour(element, tone);
      ctx.globalAlpha = 0.25;
      ctx.fillRect(from, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(from, bbox.top, width, 3 * unit);
    }
  });
}

// Draw a vertical line at each change point, or at a typical value.
function mark(plot, marks, element, unit) {
  inField(plot, false, (ctx, bbox) => {
    for (const [at, tone] of marks) {
      ctx.fillStyle = colour(element, tone);
      ctx.fillRect(Math.round(plot.valToPos(at, "x", true)), bbox.top, Math.max(2, Math.round(1.5 * unit)), bbox.height);
    }
  });
}

// Draw failed requests as crosses, at their time or, if there are too many, at the foot of their slice.
function cross(plot, lines, element, unit) {
  inField(plot, false, (ctx, bbox) => {
    ctx.lineWidth = 1.75 * unit;
    lines.forEach((line, number) => {
      if (line.look !== "crosses" && line.look !== "counts") return;
      ctx.strokeStyle = colour(element, line.tone);
      ctx.beginPath();
      let free = -Infinity; // a slice without room for its cross has its number in the legend
      plot.data[number + 1].forEach((value, index) => {
        if (value === null || value === undefined) return;
        const x = plot.valToPos(plot.data[0][index], "x", true);
        if (line.look === "counts" && x < free) return;
        free = x + 9 * unit;
        const y = line.look === "counts" ? bbox.top + bbox.height - 7 * unit : plot.valToPos(value, "y", true);
        const arm = 3.5 * unit;
        ctx.moveTo(x - arm, y - arm); ctx.lineTo(x + arm, y + arm);
        ctx.moveTo(x - arm, y + arm); ctx.lineTo(x + arm, y - arm);
      });
      ctx.stroke();
    });
  });
}

// Labels stand above the field, a row for each kind: stages, events, typical values.
function labelRows(chart, low) {
  if (low) return [];
  const rows = [
    chart.phases.map(([start, end, label]) => ({ start, end, label, tone: "soft", fits: true })),
    chart.spans.map(([start, end, tone, label]) => ({ start, end, label, tone: tone === "quiet" ? "soft" : tone })),
    chart.marks.map(([at, tone, , label = ""]) => ({ start: at, end: at, label, tone })),
  ];
  return rows.filter((row) => row.some((each) => each.label));
}

// A label that has no room is left out: the text below the chart has it too.
function writeLabels(plot, rows, element, unit) {
  inField(plot, true, (ctx, bbox) => {
    ctx.font = `${11 * unit}px ${FONT}`;
    ctx.textBaseline = "bottom";
    ctx.textAlign = "left";
    rows.forEach((row, number) => {
      const y = bbox.top - (3 + ROW * (rows.length - 1 - number)) * unit;
      let free = bbox.left;
      for (const { start, end, label, tone, fits } of row) {
        const width = ctx.measureText(label).width;
        const from = plot.valToPos(start, "x", true);
        const to = plot.valToPos(end, "x", true);
        const x = Math.min(Math.max(fits ? from + 4 * unit : (from + to - width) / 2, bbox.left), bbox.left + bbox.width - width);
        if (!label || to < bbox.left || from > bbox.left + bbox.width || x < free || (fits && width > to - from - 8 * unit)) continue;
        ctx.fillStyle = colour(element, tone);
        ctx.fillText(label, x, y);
        free = x + width + 8 * unit;
      }
    });
  });
}

// Return the round distance of the labels of an axis from 0, which ends at a label above all values.
function roundStep(chart, most) {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999) * power;
  return hasBars(chart) ? WHOLE_STEPS.find((each) => each >= rough) ?? step : step;
}

function reach(chart, least, most) {
  if (chart.from_zero) {
    if (chart.unit === "share") return [0, 1.02];
    const highest = Math.max(most > 0 ? most * 1.02 : 1, chart.unit === "pct" ? 5 : 0);
    const step = roundStep(chart, highest);
    return [0, step * Math.ceil(highest / step - 0.001)];
  }
  // Show at least 20 % around the middle, so that noise looks small.
  const middle = (least + most) / 2;
  const half = Math.max((most - least) * 0.6, chart.unit === "share" ? 0.025 : middle * 0.2) || 1;
  return [Math.max(0, middle - half), chart.unit === "share" ? Math.min(1.002, middle + half) : middle + half];
}

// Return the labels of an axis from 0 that divide it evenly, as many as have room.
function evenTicks(chart, top, most) {
  const count = Math.max(1, Math.round(top / roundStep(chart, top)));
  const parts = Array.from({ length: count }, (_, number) => count - number).find((each) => count % each === 0 && each <= most) ?? 1;
  return Array.from({ length: parts + 1 }, (_, number) => (top * number) / parts);
}

// A label at the foot of the scale would overlap the dates below it, so its line is left out, too.
function low(plot, chart, value) {
  const { min, max } = plot.scales.y;
  return !chart.from_zero && value - min < 0.08 * (max - min);
}

// Show days, or days and times if the ticks are closer than a day.
const formatDates = (ticks, step_s) => ticks.map((each) => formatValue(each, "date").slice(step_s < 86400 ? 5 : 0, step_s < 86400 ? 16 : 10));

// Show the named percentiles that have room.
function percentileTicks(plot, least, most, room) {
  const ticks = [];
  for (const share of NAMED_SHARES) {
    const place = -Math.log10(1 - share);
    const far = ticks.length === 0 || ((place - ticks.at(-1)) / (most - least)) * plot.bbox.width >= room;
    if (place >= least && place <= most && far) ticks.push(place);
  }
  return ticks;
}

// All labels of an axis have the unit of the last one.
function formatTicks(ticks, unit) {
  const isLong = unit === "ms" && Math.abs(ticks.at(-1)) >= 9999.5;
  return ticks.map((each) => (isLong ? formatValue(each / 1000, "s") : formatValue(each, unit)));
}

const lastPlace = (chart) => Math.max(chart.end ?? 0, ...chart.layers.map((layer) => layer.at.at(-1)));

// The room at the right for half of the last label of the axis.
function labelRoom(chart) {
  const [text] = chart.across === "date" ? ["01-01 00:00"] : formatTicks([lastPlace(chart)], chart.across);
  return Math.max(16, 4 * text.length);
}

function axesOf(chart, element, scale, isSmall) {
  const axis = {
    stroke: () => colour(element, "soft"),
    grid: { stroke: () => colour(element, "line"), width: scale },
    ticks: { show: false },
    font: `${12 * scale}px ${FONT}`,
    gap: 5 * scale,
  };
  const across = (_, ticks, __, ___, step) => (chart.across === "date" ? formatDates(ticks, step) : formatTicks(ticks, chart.across));
  const percentiles = (plot, _, least, most) => percentileTicks(plot, least, most, 44 * scale * uPlot.pxRatio);
  return [
    { ...axis, gap: 8 * scale, size: (isSmall ? 26 : 30) * scale, space: (chart.across === "date" ? 96 : 72) * scale, grid: { show: false }, values: across, ...(chart.across === "percentile" && { splits: percentiles }) },
    { ...axis, size: 64 * scale, space: (isSmall ? 30 : 26) * scale, grid: { ...axis.grid, filter: (plot, ticks) => ticks.map((each) => (low(plot, chart, each) ? null : each)) }, values: (plot, ticks) => formatTicks(ticks, chart.unit).map((text, number) => (low(plot, chart, ticks[number]) ? "" : ticks[number] === 0 ? "0" : text)), ...(chart.from_zero && chart.unit !== "share" && { splits: (plot, _, __, top) => evenTicks(chart, top, plot.bbox.height / ((isSmall ? 30 : 26) * scale * uPlot.pxRatio)) }) },
  ];
}

function drawHooks(chart, element, rows, unit) {
  const lines = linesOf(chart);
  const covers = hasBars(chart); // bars would cover an event
  return {
    drawClear: [(plot) => {
      shade(plot, chart.phases, element);
      if (!covers) span(plot, chart.spans, element, unit());
    }],
    draw: [(plot) => {
      if (covers) span(plot, chart.spans, element, unit());
      mark(plot, chart.marks, element, unit());
      cross(plot, lines, element, unit());
      writeLabels(plot, rows, element, unit());
    }],
  };
}

// Return the places that the chart shows without a zoom.
function whole(chart, places) {
  const last = chart.end ?? places.at(-1);
  const from = chart.end === null ? places[0] : 0;
  const room = chart.across === "date" ? (last - from) * 0.02 || 43200 : 0;
  return { min: from - room, max: last + room };
}

// The size of a chart's field, and the colours that it needs: read before a chart is drawn, because each drawing
// makes the browser compute the page's layout again for the next reading.
function measure(chart, element) {
  const { clientWidth: width, clientHeight: height } = element.querySelector(".canvas");
  const tones = ["soft", "line", "shade", "band", ...linesOf(chart).map((line) => line.tone)];
  for (const tone of [...tones, ...chart.spans.map((each) => each[2]), ...chart.marks.map((each) => each[1])]) colour(element, tone);
  return { width, height };
}

// Return the options of a chart. A picture has a larger scale than the page.
function optionsOf(chart, element, size, scale = 1) {
  const isSmall = size.height < LEAST_HEIGHT;
  const lines = linesOf(chart);
  const rows = labelRows(chart, isSmall);
  const edges = lines.flatMap((line, number) => (line.look === "edge" ? [number + 1] : []));
  return {
    tzDate: (at_s) => uPlot.tzDate(new Date(1000 * at_s), "Etc/UTC"),
    width: size.width * scale,
    height: size.height * scale,
    legend: { show: false },
    padding: [(10 + ROW * rows.length) * scale, labelRoom(chart) * scale, 0, 0],
    scales: {
      x: { time: chart.across === "date", range: (_, from, to) => [from, to] },
      y: { range: (_, least, most) => reach(chart, least, most) },
      counts: { range: () => [0, 1] },
    },
    axes: axesOf(chart, element, scale, isSmall),
    series: [{}, ...lines.map((line) => seriesOf(line, element, scale))],
    bands: edges.length === 2 ? [{ series: edges, fill: () => colour(element, "band") }] : [],
    hooks: drawHooks(chart, element, rows, () => scale * uPlot.pxRatio),
  };
}

// Name the foot of a scale that does not start at 0.
function nameFoot(plot, chart, element) {
  const { min } = plot.scales.y;
  const foot = element.querySelector(".foot");
  foot.textContent = !chart.from_zero && min > 0 ? `scale from ${formatValue(min, chart.unit)}` : "";
}

function draw(id, chart, element, size) {
  const data = joinLayers(chart);
  const options = optionsOf(chart, element, size);
  options.cursor = {
    y: false,
    drag: { x: true, y: false },
    sync: { key: overTime(chart) ? `time of ${runOf(element)?.getAttribute("aria-labelledby")}` : id, scales: ["x", null] },
    dataIdx: (plot, number, index) => (number ? nearest(plot.data[number], index) : index),
    points: { size: 7 },
  };
  options.hooks.setCursor = [(plot) => read(plot, chart, element)];
  options.hooks.setScale = [(plot, key) => key === "x" && onZoom(plot, element), (plot, key) => key === "y" && nameFoot(plot, chart, element)];
  const plot = new uPlot(options, data, element.querySelector(".canvas"));
  const all = whole(chart, data[0]);
  plot.setScale("x", all);
  return { id, plot, chart, element, all };
}
