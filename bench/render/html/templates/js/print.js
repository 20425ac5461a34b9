function redraw() {
  forgetColours();
  drawn.forEach(({ plot }) => plot.batch(() => plot.redraw())); // at once: Firefox prints what is drawn by then
}

function print(on) {
  document.documentElement.toggleAttribute("data-printed", on);
  redraw();
}
