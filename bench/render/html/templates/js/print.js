function redraw() {
  forgetColours();
  drawn.forEach(({ plot }) => plot.redraw(false));
}

function print(on) {
  document.documentElement.toggleAttribute("data-printed", on);
  redraw();
}
