// Puts changes into the list without touching the lines that stay, and keeps the line in hand
// under the reader's hands.
const main = document.getElementById("main");
const lines = document.getElementById("lines");

export function studies() {
  return [...lines.querySelectorAll("tr.study")];
}

// The line with the focus; or the one whose larger view has it, which is what its buttons act on.
export function inHand() {
  const focused = document.activeElement;
  const viewed = focused?.closest?.("#viewer")?.dataset.study;
  return focused?.closest?.("tr.study") ?? document.getElementById(`w-${viewed}`);
}

let lostAt = 0; // where the line in hand stood, when it left the list

// The place of the line in hand. Where that line has left the list, nothing is in hand: what took
// its place must not get a key that was meant for it. The next step goes on from there.
export function handAt(rows, key) {
  const at = rows.indexOf(inHand());
  if (at >= 0) return at;
  return ["j", "ArrowDown"].includes(key) ? lostAt - 1 : lostAt;
}

export function uidOf(row) {
  return row.id.slice(2);
}

export function focusRow(row, scroll = "nearest") {
  row.querySelector("a.open").focus({ preventScroll: true });
  if (scroll) row.scrollIntoView({ block: scroll });
}

// Returns the lines that are new, or that stand in a higher class than before.
export function apply(told) {
  const classes = new Map(studies().map((row) => [row.id, row.dataset.class]));
  const fresh = parsed(told.html);
  const place = remember();
  const known = (key) => fresh.get(key) ?? document.getElementById(key);
  for (const [key, row] of fresh) keepImage(document.getElementById(key), row);
  if (told.order) {
    lines.replaceChildren(...told.order.map(known));
  } else {
    for (const key of told.gone) document.getElementById(key)?.remove();
    const placed = told.placed.map(([key, at]) => [known(key), at, document.getElementById(key)]);
    for (const [, , old] of placed) old?.remove();
    for (const [row, at] of placed) lines.insertBefore(row, lines.children[at] ?? null);
    for (const [key, row] of fresh) if (!row.isConnected) document.getElementById(key).replaceWith(row);
  }
  number(told.positions);
  restore(place);
  return studies().filter((row) => !(classes.get(row.id) <= row.dataset.class));
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = `<table><tbody>${html}</tbody></table>`;
  return new Map([...template.content.querySelectorAll("tr")].map((row) => [row.id, row]));
}

// A picture that stays is moved over, so that it neither flickers nor travels again.
function keepImage(old, row) {
  const [before, after] = [old?.querySelector(".c-film img"), row.querySelector(".c-film img")];
  if (before && after && before.getAttribute("src") === after.getAttribute("src")) after.replaceWith(before);
}

// The numbers of the reading order; in the reading order itself they simply count.
function number(positions) {
  studies().forEach((row, at) => {
    const cell = row.firstElementChild;
    const text = String(positions ? positions[at] : at + 1);
    if (cell.textContent !== text) cell.textContent = text;
  });
}

// What the reader looks at: the line in hand where it is in sight, else the first line in sight;
// a list that stands at its top stays there, so that what comes on top is seen.
function remember() {
  const held = inHand();
  const box = main.getBoundingClientRect();
  const head = main.querySelector("thead").offsetHeight;
  const seen = (row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > box.top + head && top < box.bottom;
  };
  let anchor = held && seen(held) ? held : null;
  if (!anchor && main.scrollTop > 0) anchor = firstFrom(box.top + head);
  return { held: held?.id, heldAt: studies().indexOf(held), anchor: anchor?.id, top: anchor?.getBoundingClientRect().top };
}

// Lines stand in order from top to bottom: halving finds the first one in sight.
function firstFrom(y) {
  const rows = studies();
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].getBoundingClientRect().top < y) low = middle + 1;
    else high = middle;
  }
  return rows[low] ?? null;
}

function restore(place) {
  const anchor = place.anchor && document.getElementById(place.anchor);
  if (anchor) main.scrollTop += anchor.getBoundingClientRect().top - place.top;
  const held = place.held && document.getElementById(place.held);
  if (place.held) lostAt = held ? 0 : place.heldAt;
  if (held && inHand() !== held) focusRow(held, "");
  else if (document.activeElement === document.body) main.focus({ preventScroll: true });
}
