// Requests that the reader chooses in the latency chart. The words are those of request_words.py.
const PARTS = 4; // of a time axis
const STEPS = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8, 10];
const LEAST_WIDTH = 0.05; // a narrower part of a bar cannot be seen, in per cent
const CLICK_REACH = 20; // pixels from a dot
const DRAG = 4; // pixels of a drag, which zooms
const waterfalls = JSON.parse(document.getElementById("requests")?.textContent ?? "{}");

const toText = (value, digits, useGrouping) => new Intl.NumberFormat("en", {
  minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven", useGrouping,
}).format(value);

function timeText(ms) {
  if (Math.abs(ms) >= 9999.5) return `${toText(ms / 1000, 1, false)} s`;
  return `${toText(ms, Math.abs(ms) < 9.95 ? 1 : 0, true)} ms`;
}

const changeText = (ms) => `${ms < 0 ? "−" : "+"}${timeText(Math.abs(ms))}`;
const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const joinUnits = (text) => text.replace(/(\d) (?=m?s\b)/g, "$1\u00a0"); // a number and its unit stay on one line
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);
const cell = (column, number) => (Array.isArray(column) ? column[number] : column);
const hex = (value) => value.toString(16).padStart(8, "0");

// Tier, start, length and lane of each span.
function spansOf(numbers) {
  const spans = [];
  for (let at = 0; at < numbers.length; at += 4) spans.push(numbers.slice(at, at + 4));
  return spans;
}

// Times are whole tenths of a millisecond until they are written.
function requestOf(data, number) {
  const { columns, texts } = data;
  const read = (name) => cell(columns[name], number);
  const text = (name) => (read(name) === null ? null : texts[read(name)]);
  const timings = data.timings.map((column) => cell(column, number));
  const times = data.times.map((column) => cell(column, number));
  return {
    number, timings,
    tiers: times.every((time) => time === null) ? [] : times,
    total: sum(timings),
    message: text("message"), step: text("step"), outcome: text("outcome"), detail: text("detail"),
    at: read("at") / 1000, vu: read("vu"), iteration: read("iteration"), phase: read("phase"),
    status: read("status"), retries: read("retries"), tokens: read("tokens"),
    ended: read("ended"), open: read("open") === 1, streamed: read("streamed") === 1,
    typical: read("typical") === null ? null : data.typical[read("typical")],
    trace: read("trace") === null ? "" : `${text("trace")}${hex(read("vu"))}${hex(read("iteration"))}`,
    ok: read("outcome") === data.ok,
    error: read("error"), spans: spansOf(data.spans[number] ?? []),
  };
}

const joinNames = (step, message) => (step === null || step === message ? message : `${step}: ${message}`);
const nameOf = (request) => joinNames(request.step, request.message);

function placeOf(data, request) {
  const place = `at ${toText(request.at, 1, false)} s, VU ${request.vu}`;
  return data.loads[request.phase] ? `${place} (${data.loads[request.phase]})` : place;
}

const totalOf = (request) => `${request.open ? "> " : ""}${timeText(request.total / 10)}`;

// By tiers if both have them, else by timings.
function differencesOf(data, request) {
  const [, , , timings, tiers] = request.typical;
  const parts = request.timings.map((time, number) => [data.names[number], time - timings[number]]);
  if (!request.tiers.length || !tiers.length) return parts;
  parts.length = data.sent;
  request.tiers.forEach((time, number) => parts.push([data.tiers[number][1], (time ?? 0) - (tiers[number] ?? 0)]));
  const rest = request.total - sum(timings) - sum(parts.map(([, by]) => by));
  return [...parts, ["unattributed", rest]];
}

function differenceOf(data, request) {
  if (request.typical === null || !(request.ok || request.open)) return "";
  const usual = sum(request.typical[3]);
  const change = request.total - usual;
  const text = changeText(change / 10);
  if (Math.abs(change) < 0.05 * usual) return text;
  const direction = change < 0 ? -1 : 1;
  const parts = differencesOf(data, request)
    .sort(([, one], [, other]) => direction * (other - one))
    .slice(0, 3)
    .filter(([, by]) => direction * by >= 0.1 * Math.abs(change))
    .map(([part, by]) => `${part} ${changeText(by / 10)}`);
  return parts.length ? `${text}: ${parts.join(", ")}` : text;
}

function failureOf(request) {
  return [request.outcome, request.status === null ? null : `status ${request.status}`, request.detail].filter((fact) => fact !== null).join(", ");
}

function describe(data, request) {
  const facts = [
    totalOf(request), request.outcome,
    request.status === null ? null : `status ${request.status}`,
    request.detail,
    request.retries ? (request.retries === 1 ? "1 retry" : `${request.retries} retries`) : null,
    request.tokens === null ? null : counted(request.tokens, "token"),
  ].filter((fact) => fact !== null).join(", ");
  const list = (names, times) => times.flatMap((time, number) => (time ? [`${names[number]} ${timeText(time / 10)}`] : [])).join(", ");
  const sentences = [`${nameOf(request)} ${placeOf(data, request)}, iteration ${request.iteration}: ${facts}`];
  const timings = list(data.names, request.timings);
  if (timings) sentences.push(`In order: ${timings}`);
  const tiers = list(data.tiers.map(([, name]) => name), request.tiers);
  if (tiers) sentences.push(`Tiers: ${tiers}`);
  if (request.spans.length) {
    const places = request.spans.slice(0, 12).map(([tier, at, time]) => `${data.tiers[tier][1]} at ${timeText(at / 10)} for ${timeText(time / 10)}`);
    if (request.spans.length > 12) places.push(`and ${request.spans.length - 12} more`);
    sentences.push(`Spans, ± ${timeText(request.error / 10)}: ${places.join(", ")}`);
  }
  const difference = differenceOf(data, request);
  if (difference) {
    const [message, step, requests, usual] = request.typical;
    const name = joinNames(step === null ? null : data.texts[step], message === null ? "request" : data.texts[message]);
    sentences.push(`Compared with typical ${name}: ${timeText(sum(usual) / 10)}, of ${counted(requests, "request")}: ${difference}`);
  }
  return sentences.join(". ");
}

function endOfAxis(longest_ms) {
  const part = Math.max(longest_ms, 1) / PARTS;
  const power = 10 ** Math.floor(Math.log10(part));
  return PARTS * power * STEPS.find((step) => step * power >= part);
}

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text) element.textContent = text;
  return element;
}

// Parts one after the other; those that are too narrow to be seen are left out.
function place(classes, times, start, scale, attributes) {
  const parts = [];
  times.forEach((time, number) => {
    if (time * scale >= LEAST_WIDTH) {
      parts.push(svg("rect", { class: classes[number], x: `${(start * scale).toFixed(2)}%`, width: `${(time * scale).toFixed(2)}%`, ...attributes }));
    }
    start += time;
  });
  return parts;
}

function bar(data, request, axis, id) {
  const scale = 10 / axis; // per cent for each tenth of a millisecond
  const narrow = request.tiers.length > 0 || request.spans.length > 0;
  const lanes = 1 + Math.max(0, ...request.spans.map(([, , , lane]) => lane));
  const height = lanes === 1 ? 12 : 8;
  const drawing = svg("svg", { class: "request", width: "100%", height: narrow ? 14 + lanes * height : 16, role: "img", "aria-labelledby": `${id}-text` });
  drawing.append(...place(data.names.map((_, number) => `t${number}`), request.timings, 0, scale, { y: 3, height: narrow ? 5 : 10 }));
  const sent = sum(request.timings.slice(0, data.sent));
  if (request.spans.length) {
    for (const [tier, at, time, lane] of request.spans) {
      drawing.append(...place([`${data.tiers[tier][0]} tier`], [time], at, scale, { y: 12 + height * lane, height }));
    }
  } else if (narrow) {
    const service = request.total - sent;
    const reported = sum(request.tiers);
    const share = reported > service ? service / reported : 1;
    const times = [...request.tiers.map((time) => (time ?? 0) * share), Math.max(0, service - reported)];
    const classes = [...data.tiers.map(([name]) => `${name} tier`), "c6 tier"];
    drawing.append(...place(classes, times, sent, scale, { y: 12, height: 12 }));
  }
  const at = (tenths) => `${(tenths * scale).toFixed(2)}%`;
  const middle = narrow ? 5.5 : 8;
  if (request.ended > data.sent) {
    const x = at(sent + request.timings[data.sent]);
    drawing.append(svg("line", { class: "byte", x1: x, x2: x, y1: 0, y2: narrow ? 11 : 16 }));
  }
  if (request.streamed) drawing.append(svg("circle", { class: "token", cx: at(sum(request.timings.slice(0, data.token + 1))), cy: middle, r: 3 }));
  if (request.open) drawing.append(svg("line", { class: "open", x1: at(request.total), x2: at(request.total), y1: 0, y2: "100%" }));
  return drawing;
}

function trace(request, id) {
  const line = make("p", "trace");
  const label = make("label", "", "Trace id ");
  const field = make("input", "");
  Object.assign(field, { id: `${id}-trace`, value: request.trace, readOnly: true, size: 34, spellcheck: false });
  label.append(field);
  const copy = make("button", "", "Copy");
  copy.type = "button";
  copy.dataset.copies = field.id;
  const status = make("span", "");
  status.setAttribute("role", "status");
  line.append(label, " ", copy, " ", status);
  return line;
}

function row(section, data, request, axis) {
  const id = `${section}-chosen${request.number}`;
  const item = make("li", "");
  item.dataset.request = request.number;
  const who = make("p", "who");
  const mark = make("span", `mark ${request.ok ? "good" : "bad"}`, request.ok ? "✓" : "✕");
  mark.setAttribute("aria-hidden", "true");
  who.append(mark, " ", make("b", "", nameOf(request)), " ", make("span", "place", placeOf(data, request)));
  const took = make("p", "took");
  took.append(make("b", "", totalOf(request)));
  const difference = differenceOf(data, request);
  const words = request.ok ? difference && `Compared with typical: ${difference}` : failureOf(request);
  const note = make("p", request.ok ? "note" : "note bad", joinUnits(words));
  const details = make("details", "");
  const summary = make("summary", "", "Numbers");
  summary.append(make("span", "unseen", ` of ${nameOf(request)} ${placeOf(data, request)}`));
  const text = make("p", "", describe(data, request));
  text.id = `${id}-text`;
  details.append(summary, text);
  if (request.trace) details.append(trace(request, id));
  const remove = make("button", "remove", "Remove");
  remove.type = "button";
  remove.append(make("span", "unseen", ` ${nameOf(request)} ${placeOf(data, request)}`));
  remove.addEventListener("click", () => unchoose(section, request.number));
  note.append(" ", remove);
  item.append(who, took, bar(data, request, axis, id), note, details);
  item.querySelectorAll("[data-copies]").forEach(enableCopying);
  return item;
}

const chosen = {}; // numbers of requests by section, the newest first

function showChosen(section) {
  const data = waterfalls[section];
  const requests = (chosen[section] ?? []).map((number) => requestOf(data, number));
  const place = document.getElementById(`${section}-chosen`);
  place.hidden = !requests.length;
  place.replaceChildren();
  if (!requests.length) return;
  const axis = endOfAxis(Math.max(data.longest, ...requests.map((request) => request.total)) / 10);
  const ticks = svg("svg", { class: "ticks", width: "100%", height: 16, "aria-hidden": "true" });
  for (let part = 0; part <= PARTS; part++) {
    const anchor = part === 0 ? "start" : part === PARTS ? "end" : "middle";
    ticks.append(svg("text", { x: `${25 * part}%`, y: 12, "text-anchor": anchor }, part ? timeText((axis * part) / PARTS) : "0"));
  }
  const scale = make("div", "axis");
  scale.append(ticks);
  const list = make("ol", "requests");
  list.append(...requests.map((request) => row(section, data, request, axis)));
  list.setAttribute("aria-label", "Chosen");
  place.append(make("p", "group", "Chosen"), scale, list);
}

function choose(section, number) {
  chosen[section] = [number, ...(chosen[section] ?? []).filter((other) => other !== number)];
  showChosen(section);
}

function unchoose(section, number) {
  chosen[section] = chosen[section].filter((other) => other !== number);
  showChosen(section);
  const place = document.getElementById(`${section}-chosen`);
  const next = place.querySelector(".remove") ?? document.getElementById(`${section}-slowest`);
  next.focus();
}

// The request that a dot shows; without a time, the slowest one near a moment.
function find(data, at, took, within) {
  let best = null;
  for (let number = 0; number < data.count; number++) {
    const away = Math.abs(cell(data.columns.at, number) / 1000 - at);
    const total = sum(data.timings.map((column) => cell(column, number))) / 10;
    const score = took === null ? (away <= within ? 1e9 + total : -away) : -away / data.end - Math.abs(total - took) / (data.longest / 10 || 1);
    if (best === null || score > best.score) best = { number, score };
  }
  return best?.number ?? null;
}

document.addEventListener("bench:request", ({ detail: { section, at, took = null, within = 0 } }) => {
  const data = waterfalls[section];
  const number = data ? find(data, at, took, within) : null;
  if (number === null) return;
  choose(section, number);
  const request = requestOf(data, number);
  const status = document.querySelector(`.choice[data-section="${section}"]`);
  if (!status) return;
  const link = make("a", "", "Show its waterfall");
  link.href = `#${section}-chosen`;
  const words = request.ok ? differenceOf(data, request) : failureOf(request);
  status.replaceChildren(`Chosen: ${nameOf(request)} ${placeOf(data, request)}: ${totalOf(request)}${words ? ` (${words})` : ""}. `, link);
});

// The dot next to a click, or the moment of the click if the chart has no dots there.
function clicked({ plot, chart }, event) {
  const box = plot.over.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  let best = { distance: CLICK_REACH, at: plot.posToVal(x, "x"), took: null };
  for (const layer of chart.layers) {
    for (const line of layer.lines.filter(({ look }) => look === "dots" || look === "crosses")) {
      layer.at.forEach((at, number) => {
        const took = line.values[number];
        if (took === null) return;
        const distance = Math.hypot(plot.valToPos(at, "x") - x, plot.valToPos(took, "y") - y);
        if (distance < best.distance) best = { distance, at, took };
      });
    }
  }
  return best;
}

function enableChoosing(one) {
  const section = one.element.dataset.chart.split("-")[0];
  if (!waterfalls[section]) return;
  const canvas = one.element.querySelector(".canvas");
  const [first, second = first] = one.chart.layers.at(-1).at;
  const within = (second - first) / 2; // of a slice
  const send = ({ at, took }) => document.dispatchEvent(new CustomEvent("bench:request", { detail: { section, at, took, within } }));
  let pressed = [0, 0];
  canvas.addEventListener("pointerdown", ({ clientX, clientY }) => { pressed = [clientX, clientY]; }, true);
  canvas.addEventListener("click", (event) => {
    if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) <= DRAG) send(clicked(one, event));
  });
  canvas.addEventListener("keydown", (event) => {
    const { idx } = one.plot.cursor;
    if (event.key !== "Enter" || idx === null || idx === undefined) return;
    event.preventDefault();
    send({ at: one.plot.data[0][idx], took: null });
  });
  const status = make("p", "choice");
  status.dataset.section = section;
  status.setAttribute("role", "status");
  one.element.append(status);
}

const hasRequests = ({ chart }) => chart.across === "s" && chart.unit === "ms";
