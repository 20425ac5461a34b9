// Lines of equal importance differ in colour and in dashes.
const DASHES = { dashed: [5, 4], edge: [2, 3], dotted: [2, 3], far: [2, 7], c2: [8, 3], c3: [2, 2], c4: [8, 3, 2, 3], c5: [4, 4], c6: [1, 3] };
const WIDTHS = { edge: 0.75, dotted: 1.25, bars: 0 };
const FEWEST_PLACES = 3; // the least that a zoom shows
const MOST_POINTS = 24; // a longer line has no markers
const LEAST_HEIGHT = 130; // a lower chart has no labels, no legend and fewer ticks
const NAMED_SHARES = [0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999];
// Charts over time have their places, stages and events in common: they are numbers of shared lists.
const { shared, charts } = JSON.parse(document.getElementById("charts").textContent);
for (const chart of Object.values(charts)) {
  chart.phases = shared[chart.phases];
  chart.spans = shared[chart.spans];
  for (const layer of chart.layers) layer.at = shared[layer.at];
}
const drawn = [];
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6]; // of an axis of numbers of requests
const ROW = 14; // height of a row of labels
const FONT = "system-ui, sans-serif";
