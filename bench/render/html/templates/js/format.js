// Colours are read once per element: each reading may compute the styles of the page again.
let colours = new WeakMap();
const forgetColours = () => { colours = new WeakMap(); };

function colour(element, tone) {
  if (!colours.has(element)) colours.set(element, { style: getComputedStyle(element), values: {} });
  const { style, values } = colours.get(element);
  return values[tone] ??= style.getPropertyValue(`--${tone}`).trim();
}

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
    case "percentile": return `p${digits(100 * (1 - 10 ** -value), 5)}`;
    case "date": return new Date(1000 * value).toISOString().slice(0, 16).replace("T", " ");
    case "users": return `${digits(value, 4)} users`;
    case "requests/s": return `${digits(value, 4)} requests/s`;
    default: return digits(value, 4);
  }
}

const UNITS = { ms: "ms", share: "share of 1", pct: "%", bytes: "bytes", rps: "1/s", s: "s", 1: "number", date: "UTC", load: "load" };
const AXES = { s: "time", ms: "time", date: "time", load: "load" };
