const views = [...document.querySelectorAll(".view")];
const details = [...document.querySelectorAll(".detail")];
const hint = document.getElementById("hint");

function open(id) {
  for (const detail of details) detail.hidden = detail.id !== id;
  for (const card of document.querySelectorAll(".card"))
    card.classList.toggle("open", Boolean(id) && card.dataset.detail === id);
  if (hint) hint.hidden = Boolean(id);
}

function show(index) {
  views.forEach((view, i) => { view.hidden = i !== index; });
  document.querySelectorAll("nav button").forEach((button, i) => button.setAttribute("aria-pressed", i === index));
  open("");
}

for (const card of document.querySelectorAll(".card[data-detail]")) {
  const toggle = () => open(card.classList.contains("open") ? "" : card.dataset.detail);
  card.addEventListener("click", toggle);
  card.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
  });
}
document.querySelectorAll("nav button").forEach((button, i) => button.addEventListener("click", () => show(i)));
const choice = document.querySelector("nav select");
if (choice) choice.addEventListener("change", () => show(choice.selectedIndex));
if (views.length) show(0);
