// Fill a text area from the compressed file of a link, when the reader opens the fold that has both.
async function unpack(link) {
  const area = document.getElementById(link.dataset.unpacks);
  delete link.dataset.unpacks;
  const bytes = Uint8Array.from(atob(link.getAttribute("href").split(",")[1]), (letter) => letter.charCodeAt(0));
  area.value = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  area.hidden = false;
  enableCopying(document.querySelector(`[data-copies="${area.id}"]`));
}

document.addEventListener("toggle", ({ target }) => {
  if (target.open) target.querySelectorAll("[data-unpacks]").forEach(unpack);
}, true);
