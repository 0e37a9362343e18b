// Links to runs, versions and files, if the pusher left them beside the page.
const links = window.tinytrillLinks;
if (links) {
  const safe = address => {
    try { return ["http:", "https:", "file:"].includes(new URL(address, location.href).protocol); } catch { return false; }
  };
  const link = (words, address) => address && safe(address) ? make("a", words, { href: address }) : make("span", words);
  if (links.store) { byId("store").textContent = `store: ${links.store}`; byId("store").hidden = false; }
  all(document, "[data-links]").forEach(place => {
    const found = links.points?.[place.dataset.links];
    if (!found) return;
    if (found.version) place.append(link(found.version, found.registry));
    if (found.run_id) place.append(link(`run ${found.run_id.slice(0, 8)}`, found.run));
    if (found.folder) place.append(link("files", found.folder));
  });
}
