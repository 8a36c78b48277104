// Keeps the page up to date: listens to server-sent events, fetches the fragment, swaps it in,
// lets waiting times run on, moves by keyboard, and says loudly when any of this has stopped.
"use strict";

const live = document.getElementById("live");
const connection = document.getElementById("connection");
const staleAfter = Number(live.dataset.staleSeconds) * 1000;
const RECONNECT_MS = 3000;
const REFRESH_AT_LEAST_MS = 60000;
const REFRESH_AT_MOST_MS = 700;

let stream = null;
let heardAt = performance.now(); // when the service last proved that it lives
let refreshedAt = performance.now();
let refreshing = false;
let again = false;
let failed = false;
let leaving = false;

// --- the stream ---

function listen() {
  stream = new EventSource(live.dataset.events);
  stream.addEventListener("changed", () => { heard(); refresh(); });
  stream.addEventListener("beat", heard);
  stream.onerror = () => {
    lost();
    // After an HTTP error the browser gives up by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS);
  };
}

function heard() {
  heardAt = performance.now();
  if (!failed) setStale(false);
}

function lost() {
  if (!leaving) setStale(true);
}

function setStale(stale) {
  document.body.classList.toggle("stale", stale);
  // Set once: an alert that is written again is read out again.
  if (connection.hidden === stale) {
    document.getElementById("as-of").textContent = live.querySelector(".as-of").textContent;
    connection.hidden = !stale;
  }
}

// --- the fragment ---

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const answer = await fetch(live.dataset.fragment, { cache: "no-store" });
    if (answer.status === 401) { leaving = true; location.reload(); return; } // the log-in has ended
    if (!answer.ok) throw new Error(String(answer.status));
    swap(await answer.text());
    refreshedAt = performance.now();
    failed = false;
    heard();
  } catch {
    failed = true;
    lost();
  }
  setTimeout(() => {
    refreshing = false;
    if (again || failed) { again = false; refresh(); }
  }, failed ? RECONNECT_MS : REFRESH_AT_MOST_MS);
}

function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const before = new Map(studies().map((row) => [row.id, row.dataset.class]));
  const images = keptImages(fresh);
  const place = remember();
  live.replaceChildren(...document.importNode(fresh.body, true).childNodes);
  for (const [source, image] of images) {
    live.querySelector(`img[data-kept="${CSS.escape(source)}"]`).replaceWith(image);
  }
  restore(place);
  announce(before);
}

// Pictures that stay are moved over, so that they neither flicker nor travel again.
function keptImages(fresh) {
  const kept = new Map();
  for (const image of live.querySelectorAll("img")) kept.set(image.getAttribute("src"), image);
  for (const image of fresh.querySelectorAll("img")) {
    const source = image.getAttribute("src");
    if (!kept.has(source)) continue;
    image.removeAttribute("src");
    image.dataset.kept = source;
  }
  const wanted = new Set([...fresh.querySelectorAll("img[data-kept]")].map((image) => image.dataset.kept));
  return [...kept].filter(([source]) => wanted.has(source));
}

// The line under the reader's hands stays under the reader's hands, wherever it moved to.
function remember() {
  const row = document.activeElement?.closest?.("tr.study");
  const top = row?.getBoundingClientRect().top;
  return { id: row?.id, top, scrolled: document.getElementById("main").scrollTop };
}

function restore(place) {
  const main = document.getElementById("main");
  const row = place.id && document.getElementById(place.id);
  main.scrollTop = place.scrolled;
  if (!row) {
    if (document.activeElement === document.body) main.focus({ preventScroll: true });
    return;
  }
  main.scrollTop += row.getBoundingClientRect().top - place.top;
  row.querySelector("a.open").focus({ preventScroll: true });
}

function announce(before) {
  if (!before.size) return;
  const raised = studies().filter((row) => !(before.get(row.id) <= row.dataset.class));
  for (const row of raised) row.classList.add("fresh");
  const told = raised.map((row) => row.querySelector("a.open").getAttribute("aria-label"));
  if (told.length) document.getElementById("announcement").textContent = told.slice(0, 3).join(". ");
}

// --- waiting times ---

function tick() {
  const served = live.querySelector("[data-now]");
  const now = Number(served.dataset.now) + (performance.now() - refreshedAt) / 1000;
  let crossed = false;
  for (const cell of live.querySelectorAll("[data-arrived]")) {
    const waited = Math.max(0, now - Number(cell.dataset.arrived));
    const cap = Number(cell.dataset.cap);
    setText(cell.querySelector(".waited"), words(waited));
    cell.querySelector(".fill").setAttribute("width", Math.min(100, (100 * waited) / cap).toFixed(1));
    crossed ||= waited >= cap && !cell.parentElement.classList.contains("overdue");
  }
  const age = performance.now() - refreshedAt;
  if ((crossed && age > RECONNECT_MS) || age > REFRESH_AT_LEAST_MS) refresh();
  if (performance.now() - heardAt > staleAfter) lost();
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The same words as triage.worklist.words.waiting_words.
function words(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (minutes < 1) return "<1 min";
  if (hours < 1) return `${minutes} min`;
  if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

// --- the keyboard ---

function studies() {
  return [...live.querySelectorAll("tr.study")];
}

function move(step) {
  const rows = studies();
  const current = rows.indexOf(document.activeElement?.closest?.("tr.study"));
  const next = step(current, rows.length - 1);
  const row = rows[Math.min(rows.length - 1, Math.max(0, next))];
  if (!row) return;
  row.querySelector("a.open").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

const STEPS = {
  ArrowDown: (at) => at + 1,
  j: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  k: (at) => at - 1,
  Home: () => 0,
  End: (_, last) => last,
};
const LINKS = { Escape: "back", u: "back", j: "next", ArrowRight: "next", k: "previous", ArrowLeft: "previous" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (studies().length && STEPS[event.key]) {
    event.preventDefault();
    move(STEPS[event.key]);
  } else if (LINKS[event.key]) {
    live.querySelector(`a[rel~="${LINKS[event.key]}"]`)?.click();
  }
});

live.addEventListener("click", (event) => {
  const row = event.target.closest("tr.study");
  if (row && !event.target.closest("a") && getSelection().isCollapsed) {
    row.querySelector("a.open").focus({ preventScroll: true });
  }
});

live.addEventListener("dblclick", (event) => {
  if (!event.target.closest(".accession")) event.target.closest("tr.study")?.querySelector("a.open").click();
});

// --- start ---

addEventListener("pagehide", () => { leaving = true; stream.close(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); refresh(); } });
setInterval(tick, 1000);
listen();
const main = document.getElementById("main");
main.focus({ preventScroll: true }); // so that the page keys scroll it
// Back on the list, the study that was open is the line in hand.
if (main.dataset.study) sessionStorage.setItem("study", main.dataset.study);
else document.getElementById(`w-${sessionStorage.getItem("study")}`)?.querySelector("a.open").focus();
