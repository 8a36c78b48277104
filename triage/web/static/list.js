// The reading list: only what changed travels, and nothing that a reader holds moves under them.
import { tell } from "./acting.js";
import { clear, filters, query, readingOrder, showCounts, shownWords, startFilters, toggle, toggleMine, typeText } from "./filters.js";
import { startKeys } from "./keys.js";
import { toggleLayer } from "./layers.js";
import { apply, focusRow, handAt, inHand, studies, uidOf } from "./rows.js";
import { readOut, say, setText } from "./say.js";
import { answered, keepFresh, refresh } from "./stream.js";
import { act, renewViewer, startViewer, toggleViewer } from "./viewer.js";
import { keepTicking, tick } from "./waiting.js";

const WINDOW = 60;
const MOST = 5000; // as in triage/web/listing/asking.py
const SPOKEN = 3;
const main = document.getElementById("main");

let etag = main.dataset.etag; // names the list that this page shows
let limit = WINDOW;
let asked = JSON.stringify({ ...query, limit }); // the question whose answer it is
let statusWords = "";

async function fetchChanges() {
  const question = JSON.stringify({ ...query, limit });
  const wanted = encodeURIComponent(JSON.stringify({ ...query, limit, base: etag }));
  const answer = await answered(fetch("/list", { headers: { "X-List-Query": wanted }, cache: "no-store" }));
  show(await answer.json(), question === asked);
  asked = question;
}

function show(told, sameQuestion) {
  etag = told.etag;
  const raised = apply(told);
  const effect = showStatus(told.status);
  showHead(told.head);
  tick();
  const news = [effect, ...(sameQuestion ? raisedWords(raised) : [shownWords()])].filter(Boolean);
  if (news.length) readOut(news.join(". "));
  renewViewer(new Set(told.altered));
}

// What says something new is put in anew; the time alone is not. Returns what is to be read out:
// that results move the list no more, or do so again.
function showStatus(html) {
  const status = document.getElementById("status");
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const time = fresh.content.querySelector(".as-of");
  const words = html.replace(time.outerHTML, "");
  const before = effectWords(status);
  if (words === statusWords) status.querySelector(".as-of").replaceWith(time);
  else status.replaceChildren(fresh.content);
  statusWords = words;
  const after = effectWords(status);
  return after === before ? "" : after;
}

function effectWords(status) {
  return (status.querySelector(".banner-paused") ?? status.querySelector(".mode")).textContent.trim();
}

function showHead(head) {
  showCounts(head);
  const more = document.getElementById("more-lines");
  more.hidden = !head.more;
  const words = limit === MOST ? say("most", { count: MOST }) : say("more", { shown: head.shown, total: head.total });
  setText(more.querySelector("td"), words);
  const none = document.getElementById("no-lines");
  none.hidden = studies().length > 0;
  none.dataset.empty ??= none.textContent;
  setText(none.querySelector("td"), filters() ? say("none") : none.dataset.empty);
}

function raisedWords(raised) {
  for (const row of raised) row.classList.add("fresh");
  return raised.slice(0, SPOKEN).map((row) => row.querySelector("a.open").getAttribute("aria-labelledby")
    .split(" ").map((id) => document.getElementById(id).textContent.trim()).join(" "));
}

// --- the keyboard ---

const STEPS = {
  ArrowDown: (at) => at + 1,
  j: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  k: (at) => at - 1,
  Home: () => 0,
  End: (_, last) => last,
};

function move(key) {
  const rows = studies();
  const next = STEPS[key](handAt(rows, key), rows.length - 1);
  const row = rows[Math.min(rows.length - 1, Math.max(0, next))];
  if (row) focusRow(row);
}

function verb(...verbs) {
  return async () => {
    if (!(await act(verbs))) tell(say("first-choose"), true);
  };
}

function leaveField(event) {
  if (event.target.type !== "search") return;
  event.preventDefault();
  if (event.key === "Escape") clear();
  const row = studies()[0];
  if (row) focusRow(row);
  else main.focus();
}

startKeys({
  ...Object.fromEntries(Object.keys(STEPS).map((key) => [key, move])),
  a: verb("agree"),
  d: verb("disagree"),
  u: verb("undo"),
  o: verb("claim", "release"),
  "/": typeText,
  m: toggleMine,
  x: clear,
  r: readingOrder,
  v: toggleViewer,
  h: () => toggleLayer("saliency"),
  l: () => toggleLayer("landmarks"),
  0: () => toggle(""),
  ...Object.fromEntries([1, 2, 3, 4].map((number) => [number, () => toggle(String(number - 1))])),
  leaveField,
});

// --- the pointer ---

main.addEventListener("click", (event) => {
  const row = event.target.closest("tr.study");
  if (row && !event.target.closest("a") && getSelection().isCollapsed) focusRow(row, "");
});

main.addEventListener("dblclick", (event) => {
  if (!event.target.closest(".accession")) event.target.closest("tr.study")?.querySelector("a.open").click();
});

// --- start ---

new IntersectionObserver((seen) => {
  const loaded = studies().length;
  if (seen.some((one) => one.isIntersecting) && loaded >= limit && limit < MOST) {
    limit = Math.min(MOST, loaded + Math.max(WINDOW, loaded >> 1)); // far down, fewer questions
    refresh();
  }
}, { root: main, rootMargin: "800px" }).observe(document.getElementById("more-lines"));

main.focus({ preventScroll: true }); // so that the page keys scroll it
showHead(JSON.parse(main.dataset.head));
startViewer();
keepTicking();
keepFresh(fetchChanges);
startFilters(() => {
  limit = WINDOW;
  main.scrollTop = 0;
  refresh();
});
// Back on the list, the study that was open is the line in hand.
const before = document.getElementById(`w-${sessionStorage.getItem("study")}`);
if (before) focusRow(before, "center");
else renewViewer(new Set());
main.addEventListener("focusin", () => { if (inHand()) sessionStorage.setItem("study", uidOf(inHand())); });
