// Lines of equal importance differ in colour and in dashes.
const DASHES = { dashed: [5, 4], edge: [2, 3], far: [2, 7], c2: [8, 3], c3: [2, 2], c4: [8, 3, 2, 3], c5: [4, 4], c6: [1, 3] };
const FEWEST_PLACES = 3; // the least that a zoom shows
const MOST_POINTS = 24; // a longer line has no markers
const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = [];
