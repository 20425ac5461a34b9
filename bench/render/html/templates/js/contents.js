/* Mark the part of the page that is in view in the table of contents, and keep its entry in sight. */
function followContents() {
  const hasRuns = document.querySelectorAll("article").length > 1;
  const list = document.querySelector(".topbar nav");
  if (!list) return;
  const entries = [...list.querySelectorAll("a[href^='#']")]
    .map((link) => ({ link, part: document.getElementById(link.hash.slice(1)) }))
    .filter(({ part }) => part)
    // The place of a run is known without the layout of its parts.
    .map(({ link, part }) => ({ link, part: hasRuns ? runOf(part) ?? part : part }));
  let current = null;
  const mark = () => {
    const edge = innerHeight / 3;
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const passed = entries.filter(({ part }) => part.getBoundingClientRect().top < (atEnd ? innerHeight : edge));
    const next = passed.reduce((last, each) =>
      (!last || each.part.getBoundingClientRect().top >= last.part.getBoundingClientRect().top ? each : last), null)
      ?? entries[0];
    if (!next || next.link === current) return;
    current?.removeAttribute("aria-current");
    current = next.link;
    current.setAttribute("aria-current", "location");
    list.scrollTo({ left: current.offsetLeft - list.offsetLeft - list.clientWidth / 3 });
  };
  addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(document.body); // it reports the first state, and drawn charts, itself
}
