// Links to runs, versions and files, if the pusher left them beside the page.
const links = window.tinytrillLinks;
if (links) {
  const safe = address => {
    try { return ["http:", "https:", "file:"].includes(new URL(address, location.href).protocol); } catch { return false; }
  };
  const link = (words, address) => address && safe(address) ? make("a", words, { href: address }) : make("span", words);
  if (links.store) { byId("store").textContent = `store: ${links.store}`; byId("store").hidden = false; }
  all(document, "[data-links]").forEach(place => {
    const point = place.dataset.links, pushed = links.points?.[point], run = links.runs?.[point.split("/")[0]];
    pushed?.versions.forEach(version => place.append(link(version.name, version.page)));
    if (run) place.append(link(`run ${run.id.slice(0, 8)}`, run.page));
    if (pushed?.folder) place.append(link("files", pushed.folder));
  });
}
