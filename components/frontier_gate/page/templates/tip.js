// The one tip, beside the mark that is hovered, tapped or focused.
const tip = byId("tip");
let lit = null;
const format = (value, digits) => value === null || value === undefined ? null
  : digits ? value.toFixed(digits) : Math.abs(value) < 100 ? String(Number(value.toPrecision(3))) : value.toFixed(0);
const withRange = (point, key, digits, unit = "") => {
  const value = format(point[key], digits), low = point[key + "_low"], high = point[key + "_high"];
  if (value === null) return null;
  return value + unit + (low === undefined || low === null ? "" : ` (${format(low, digits)} to ${format(high, digits)})`);
};
const facts = point => [
  ["quality", withRange(point, "quality", 3)],
  ["minus teacher", withRange(point, "difference", 3)],
  ["of teacher", point.share === undefined ? null : (100 * point.share).toFixed(1) + " %"],
  ...data.tasks.map(task => [task, format(point["task:" + task], 3)]),
  ["latency", withRange(point, "latency", 0, " ms")],
  ["multiply-accumulates", withRange(point, "macs", 0, " M")],
  ["arena", withRange(point, "arena", 0, " KiB")],
  ["p90, p95, p99", [point.p90, point.p95, point.p99].some(v => v) ? [point.p90, point.p95, point.p99].map(v => format(v) ?? "none").join(", ") + " ms" : null],
  ["mean", point.mean ? format(point.mean) + " ms" : null],
  ["timed then", point.measured ? format(point.measured) + " ms" : null],
  ["ratio", withRange(point, "ratio", 3)],
  ["real-time factor", format(point.rtf)],
  ["init", point.init ? format(point.init) + " ms" : null],
  ["size", withRange(point, "mib", 2, " MiB")],
  ["peak memory", point.peak === undefined ? null : point.peak === null ? "not told" : format(point.peak, 1) + " MiB"],
  ["parameters", point.parameters ? point.parameters.toLocaleString("en") : null],
].filter(fact => fact[1] !== null);
const show = (mark, point, why) => {
  if (lit === mark && !tip.hidden) return;
  hide();
  lit = mark;
  mark.classList.add("lit");
  const list = make("dl");
  facts(point).forEach(([name, value]) => list.append(make("dt", name), make("dd", value)));
  tip.replaceChildren(make("b", point.name || point.id), make("span", point.name ? `${point.id}; ${point.fate}` : `${point.status}${why ? ": " + why : ""}`), list);
  tip.hidden = false;
  mark.setAttribute("aria-describedby", "tip");
  settle();
};
const settle = () => {
  if (tip.hidden) return;
  const box = lit.lastElementChild.getBoundingClientRect(), gap = 12;
  if (box.bottom < 0 || box.top > innerHeight) { hide(); return; }
  let x = box.right + gap;
  if (x + tip.offsetWidth > innerWidth - 8) x = box.left - gap - tip.offsetWidth;
  let y = box.bottom + gap;
  if (x < 8) {
    x = Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8));
    if (y + tip.offsetHeight > innerHeight - 8 && box.top - gap - tip.offsetHeight > 8) y = box.top - gap - tip.offsetHeight;
  }
  tip.style.left = x + "px";
  tip.style.top = Math.max(8, Math.min(y, innerHeight - tip.offsetHeight - 8)) + "px";
};
const hide = () => {
  tip.hidden = true;
  lit?.classList.remove("lit");
  lit?.removeAttribute("aria-describedby");
  lit = null;
};
addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
addEventListener("scroll", settle, { passive: true });
