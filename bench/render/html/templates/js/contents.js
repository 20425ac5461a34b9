/* Mark the part of the page that is in view in the table of contents, and keep its entry in sight. */
function followContents() {
  const hasRuns = document.querySelectorAll("article").length > 1;
  const list = document.querySelector(".topbar nav");
  if (!list) return;
  const entries = [...list.querySelectorAll("a[href^='#']")]
    .map((link) => ({ link, part: document.getElementById(link.hash.slice(1)) }))
    .filter(({ part }) => part)
    // The place of a run is known without the layout of its parts.
    .map(({ link, part }) => ({ link, target: part, part: hasRuns ? runOf(part) ?? part : part }));
  const top = ({ part }) => part.getBoundingClientRect().top;
  let current = null;
  // The entry that the reader followed last. It wins over a part next to it or below it, until its part is out of view.
  let followed = null;
  let arrived = false;
  const mark = () => {
    const atEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    const edge = atEnd ? innerHeight : innerHeight / 3;
    const place = followed?.target.getBoundingClientRect().top ?? -1;
    const isThere = place >= 0 && place < edge;
    if (arrived && !isThere) followed = null;
    arrived = isThere;
    const next = isThere ? followed : entries.filter((each) => top(each) < edge)
      .reduce((last, each) => (!last || top(each) >= top(last) ? each : last), null) ?? entries[0];
    if (!next || next.link === current) return;
    current?.removeAttribute("aria-current");
    current = next.link;
    current.setAttribute("aria-current", "location");
    list.scrollTo({ left: current.offsetLeft - list.offsetLeft - list.clientWidth / 3 });
  };
  const follow = (hash) => {
    followed = entries.find(({ link }) => link.hash === hash) ?? null;
    arrived = false;
    requestAnimationFrame(mark); // the page may stand there already, and then does not scroll
  };
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("a[href^='#']");
    if (link) follow(link.hash);
  });
  addEventListener("hashchange", () => follow(location.hash));
  addEventListener("scroll", mark, { passive: true });
  follow(location.hash);
  new ResizeObserver(mark).observe(document.body); // it reports the first state, and drawn charts, itself
}
