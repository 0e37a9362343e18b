const logarithm = (axis, value) => axis.log ? Math.log(value) : value;
const place = (axis, value, start, end) =>
  start + (logarithm(axis, value) - logarithm(axis, axis.low)) / (logarithm(axis, axis.high) - logarithm(axis, axis.low)) * (end - start);
all(document, "section.device").forEach(section => {
  const name = section.dataset.device, device = data.devices[name];
  const points = device.points.map(row => Object.fromEntries(device.fields.map((field, i) => [field, row[i]])));
  const known = new Map(points.map(point => [point.id, point]));
  const table = byId("points-" + name);
  const rowOf = new Map(table ? [...table.tBodies[0].rows].map(row => [row.dataset.point, row]) : []);
  const why = point => rowOf.get(point.id)?.lastElementChild.textContent || "";
  const text = new Map([...rowOf].map(([id, row]) => [id, row.textContent.toLowerCase()]));
  const marksOf = new Map();
  const choice = { x: byId("x-" + name), y: byId("y-" + name), colour: byId("colour-" + name) };
  const legend = byId("legend-" + name);
  let words = [], greyed = new Set();

  const charts = all(section, ".charts figure").map(figure => {
    const svg = figure.querySelector("svg"), axes = device.charts[figure.dataset.kind];
    const marks = all(svg, ".mark").map(mark => {
      const point = mark.dataset.point !== undefined ? known.get(mark.dataset.point)
        : device.registered.find(one => one.name === mark.dataset.registered && one.input === figure.dataset.kind);
      if (!mark.hasAttribute("role")) {
        mark.tabIndex = -1;
        mark.setAttribute("role", "img");
        mark.setAttribute("aria-label", `${point.id}: ${point.status}, score ${format(point.quality, 3)}, ${point.latency == null ? format(point.macs) + " M multiply-accumulates" : format(point.latency) + " ms"}`);
      }
      marksOf.set(point.id, [...(marksOf.get(point.id) || []), mark]);
      return { mark, point, bars: mark.querySelector("path:not(.diamond)"), x: 0, y: 0, shown: true };
    });
    return { figure, svg, axes, marks, first: { x: Object.keys(axes.x)[0], y: "quality" } };
  });
  if (!charts.length) return;

  const groupOf = point => {
    if (point.name) return null;
    const factor = choice.colour.value;
    return factor === "" ? ["blessed", "frontier", "beaten"].indexOf(point.status) : point.levels[Number(factor)];
  };
  const paint = () => {
    const coloured = choice.colour.value !== "";
    section.classList.toggle("coloured", coloured);
    charts.forEach(chart => chart.marks.forEach(one => {
      const group = groupOf(one.point);
      one.mark.style.color = coloured && group !== null ? `var(--c${group})` : "";
      const unwanted = words.length > 0 && !words.every(word => (text.get(one.point.id) || one.point.name?.toLowerCase() || "").includes(word));
      one.dim = unwanted || (group !== null && greyed.has(group));
      one.mark.classList.toggle("dim", one.dim);
    }));
  };
  const explain = () => {
    greyed = new Set();
    const factor = choice.colour.value;
    const levels = factor === "" ? ["blessed", "frontier, not blessed", "beaten"] : data.factors[factor].levels;
    legend.replaceChildren(...levels.map((level, group) => {
      const button = make("button", "", { type: "button", "aria-pressed": "true", title: "show or grey" });
      button.append(make("i", "", { class: factor === "" ? `dot ${["blessed", "frontier", "beaten"][group]}` : `c${group}` }), level);
      button.addEventListener("click", () => {
        greyed.has(group) ? greyed.delete(group) : greyed.add(group);
        button.setAttribute("aria-pressed", String(!greyed.has(group)));
        paint();
      });
      return button;
    }));
    paint();
  };

  const spot = (chart, point, x, y) => {
    const across = point[choice.x.value], up = point[choice.y.value];
    if (across === null || across === undefined || up === null || up === undefined || (x.log && across <= 0)) return null;
    return [place(x, across, left, width - right), place(y, up, height - bottom, top)];
  };
  const bars = (point, x, y) => {
    const arm = (key, axis, start, end) => [key + "_low", key + "_high"].map(end_ => (point[end_] ?? null) === null ? 0
      : place(axis, point[end_], start, end) - place(axis, point[key], start, end));
    const [x0, x1] = arm(choice.x.value, x, left, width - right), [y0, y1] = arm(choice.y.value, y, height - bottom, top);
    return `M${x0.toFixed(1)} 0H${x1.toFixed(1)}M0 ${y0.toFixed(1)}V${y1.toFixed(1)}`;
  };
  const move = chart => {
    const x = chart.axes.x[choice.x.value], y = chart.axes.y[choice.y.value];
    chart.figure.querySelector(".outside").textContent = x && y && (x.outside.length || y.outside.length)
      ? `Beyond this chart: ${[...x.outside, ...y.outside].join("; ")}.` : "";
    chart.svg.style.opacity = x && y ? "" : ".15";
    if (!x || !y) { chart.figure.querySelector(".outside").textContent = "No point of this input has the figure."; return; }
    chart.svg.querySelector(".title").textContent = x.label;
    all(chart.svg, "[data-axis]").forEach(axis => axis.toggleAttribute("hidden", axis.dataset.axis !== choice[axis.dataset.way].value));
    chart.marks.forEach(one => {
      const at = spot(chart, one.point, x, y);
      one.shown = at !== null;
      one.mark.style.display = one.shown ? "" : "none";
      if (!one.shown) return;
      [one.x, one.y] = at.map(value => Math.round(value * 10) / 10);
      one.mark.style.transform = `translate(${one.x}px,${one.y}px)`;
      one.bars?.setAttribute("d", bars(one.point, x, y));
    });
    const own = choice.x.value === chart.first.x && choice.y.value === chart.first.y;
    const stairs = chart.axes.stairs[choice.x.value][choice.y.value];
    all(chart.svg, ".curve").forEach((curve, i) => {
      curve.setAttribute("d", stairs[i]);
      curve.classList.toggle("other", !own);
    });
    chart.svg.setAttribute("aria-label", `${y.label} against ${x.label}, ${chart.figure.dataset.kind} files on ${name}`);
  };

  const offered = way => new Map(charts.flatMap(chart => Object.entries(chart.axes[way]).map(([key, axis]) => [key, axis.label])));
  for (const way of ["x", "y"]) {
    offered(way).forEach((label, key) => choice[way].append(make("option", label, { value: key })));
    choice[way].addEventListener("change", () => { hide(); charts.forEach(move); });
  }
  choice.colour.append(make("option", "status", { value: "" }), ...data.factors.map((factor, i) => make("option", factor.name, { value: i })));
  choice.colour.addEventListener("change", explain);
  charts.forEach(move);
  explain();

  charts.forEach(chart => {
    const nearest = event => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.svg.getScreenCTM().inverse());
      const reach = 24 / chart.svg.getScreenCTM().a;
      let found = null, least = reach;
      chart.marks.forEach(one => {
        if (!one.shown || one.dim) return;
        const distance = Math.hypot(one.x - at.x, one.y - at.y) - (one.point.number || one.point.name ? 3 : 0);
        if (distance <= least) { least = distance; found = one; }
      });
      return found;
    };
    const point = event => { const one = nearest(event); one ? show(one.mark, one.point, why(one.point)) : hide(); };
    chart.svg.addEventListener("pointermove", event => { if (event.pointerType !== "touch") point(event); });
    chart.svg.addEventListener("pointerleave", event => { if (event.pointerType !== "touch") hide(); });
    chart.svg.addEventListener("click", point);
    chart.svg.addEventListener("focusin", event => {
      const one = chart.marks.find(one => one.mark === event.target);
      if (one) show(one.mark, one.point, why(one.point));
    });
    chart.svg.addEventListener("focusout", hide);
    chart.svg.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      const ordered = chart.marks.filter(one => one.shown && !one.dim).sort((a, b) => a.x - b.x || b.y - a.y);
      const now = ordered.findIndex(one => one.mark === event.target);
      const next = event.key === "Home" ? 0 : event.key === "End" ? ordered.length - 1 : step === undefined ? -1 : now + step;
      if (now < 0 || !ordered[next]) return;
      event.preventDefault();
      event.target.tabIndex = -1;
      ordered[next].mark.tabIndex = 0;
      ordered[next].mark.focus({ preventScroll: true });
    });
  });

  const field = byId("filter-" + name), count = byId("count-" + name);
  field?.addEventListener("input", () => {
    words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rowOf.forEach((row, id) => {
      row.hidden = !words.every(word => text.get(id).includes(word));
      shown += !row.hidden;
    });
    count.textContent = words.length ? `${shown} of ${rowOf.size}; the others are greyed in the charts` : "";
    paint();
  });
  section.addEventListener("pointerover", event => {
    const row = event.target.closest("tr[data-point]");
    all(section, ".mark.lit").forEach(mark => { if (mark !== lit) mark.classList.remove("lit"); });
    if (row) marksOf.get(row.dataset.point)?.forEach(mark => mark.classList.add("lit"));
  });
});
