// Filters and sorting: what the page asks of the list. Kept for this tab only, in no address.
import { fill, say, setText } from "./say.js";

const KEPT = "list";
const form = document.getElementById("filters");
const sorted = document.getElementById("not-reading-order");
const filtered = document.getElementById("filtered");
const chips = [...form.querySelectorAll("[data-class]")];
const fields = form.elements;

const NONE = { classes: [], waiting_minutes: 0, text: "", location: "", mine: false, sort: "reading" };
export let query = { ...NONE };
let changed = () => {};

// `onChange` is called whenever something else is asked for.
export function startFilters(onChange) {
  form.hidden = false;
  changed = onChange;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", read);
  for (const chip of chips) chip.addEventListener("click", () => toggle(chip.dataset.class));
  for (const does of document.querySelectorAll("[data-does='clear']")) does.addEventListener("click", clear);
  document.querySelector("[data-does='reading-order']").addEventListener("click", readingOrder);
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept) ask(kept);
}

export function clear() {
  ask({ ...NONE, sort: query.sort });
}

export function readingOrder() {
  ask({ ...query, sort: NONE.sort });
}

export function toggleMine() {
  ask({ ...query, mine: !query.mine });
}

// A class is added to those that are shown, or taken from them; none named is every one.
export function toggle(number) {
  const one = Number(number);
  if (number === "") ask({ ...query, classes: [] });
  else if (query.classes.includes(one)) ask({ ...query, classes: query.classes.filter((each) => each !== one) });
  else ask({ ...query, classes: [...query.classes, one] });
}

export function typeText() {
  fields.text.focus();
  fields.text.select();
}

function read() {
  ask({
    ...query,
    waiting_minutes: Number(fields.waiting_minutes.value),
    location: fields.location.value,
    mine: fields.mine.checked,
    text: fields.text.value,
    sort: fields.sort.value,
  });
}

function ask(wanted) {
  query = { ...NONE, ...wanted };
  sessionStorage.setItem(KEPT, JSON.stringify(query));
  show();
  changed();
}

function show() {
  for (const chip of chips) {
    const on = chip.dataset.class === "" ? !query.classes.length : query.classes.includes(Number(chip.dataset.class));
    chip.setAttribute("aria-pressed", String(on));
  }
  fields.waiting_minutes.value = String(query.waiting_minutes);
  fields.mine.checked = query.mine;
  if (fields.text.value.trim() !== query.text.trim()) fields.text.value = query.text;
  setChoice(fields.location, query.location);
  fields.sort.value = query.sort;
  const said = sorted.querySelector("[data-say]");
  const what = fields.sort.selectedOptions[0].textContent;
  setText(said, fill(said.dataset.say, { what }));
  sorted.hidden = query.sort === NONE.sort;
}

// A place from which no patient comes any more can still be the one that is asked for.
function setChoice(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
  select.value = value;
}

export function filters() {
  return JSON.stringify({ ...query, sort: NONE.sort }) !== JSON.stringify(NONE);
}

// How much is shown, in words.
export function shownWords() {
  return (filtered.hidden ? document.querySelector(".tally") : filtered.querySelector("span")).textContent.trim();
}

// The counts are those of the whole list, whatever is shown of it.
export function showCounts(head) {
  setText(chips[0].querySelector(".count"), String(head.total));
  for (const [number, count] of head.counts) {
    setText(chips.find((chip) => chip.dataset.class === String(number)).querySelector(".count"), String(count));
  }
  const words = [say(head.more ? "shown.more" : "shown", { shown: head.shown, total: head.total })];
  if (head.outside) words.push(say("outside", { count: head.outside }));
  setText(filtered.querySelector("span"), words.join(" "));
  filtered.hidden = !filters();
  const places = [...fields.location.options].map((option) => option.value);
  for (const place of head.locations) if (!places.includes(place)) fields.location.add(new Option(place, place));
}
