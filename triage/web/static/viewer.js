// The larger view: film, heat map, landmarks, findings, other studies of the line in hand, or of
// the line under the pointer.
import { catchForms, send, tell } from "./acting.js";
import { keepLayers, showLayers } from "./layers.js";
import { inHand, studies, uidOf } from "./rows.js";
import { say } from "./say.js";
import { refresh } from "./stream.js";

const SETTLE_MS = 120; // whoever runs through the list does not want each film
const HIDDEN = "viewer-hidden";
const viewer = document.getElementById("viewer");
const main = document.getElementById("main");

let shown = ""; // work item whose view is there
let wanted = "";
let loading = Promise.resolve();
let waiting = 0;
let asking = null;

export function startViewer() {
  document.body.classList.toggle(HIDDEN, localStorage.getItem(HIDDEN) === "true");
  main.addEventListener("focusin", later);
  main.addEventListener("pointerover", (event) => {
    const row = event.target.closest("tr.study");
    if (row) later(event, uidOf(row));
  });
  main.addEventListener("pointerleave", later);
  catchForms(viewer, refresh);
  keepLayers(viewer);
}

export function toggleViewer() {
  const hidden = document.body.classList.toggle(HIDDEN);
  localStorage.setItem(HIDDEN, String(hidden));
}

// The list has changed: so may have what is shown of it.
export function renewViewer(altered) {
  if (!wanted || !document.getElementById(`w-${wanted}`) || altered.has(`w-${wanted}`)) load(target(), true);
}

// The verb goes to the line in hand, as it is shown: what a reader has not seen nobody agrees with.
export async function act(verbs) {
  const row = inHand();
  if (!row) return false;
  await settled(uidOf(row));
  const there = shown === uidOf(row);
  const form = verbs.map((verb) => viewer.querySelector(`form[data-verb="${verb}"]`)).find(Boolean);
  if (!there) tell(say("failed"), true);
  else if (!form) tell(say("not-now"), true);
  else if (await send(form)) refresh();
  return true;
}

// A view that is asked for anew while it is on its way is waited for.
async function settled(uid) {
  let awaited = null;
  do {
    awaited = load(uid);
    await awaited;
  } while (awaited !== loading && wanted === uid);
}

function target() {
  const row = inHand() ?? studies()[0];
  return row ? uidOf(row) : "";
}

function later(_, uid = "") {
  clearTimeout(waiting);
  waiting = setTimeout(() => load(uid || target()), SETTLE_MS);
}

function load(uid, anew = false) {
  clearTimeout(waiting);
  if (uid === wanted && !anew) return loading;
  wanted = uid;
  asking?.abort();
  asking = new AbortController();
  loading = fill(uid, asking.signal);
  return loading;
}

async function fill(uid, signal) {
  if (!uid) { shown = ""; viewer.textContent = viewer.dataset.none; return; }
  try {
    const answer = await fetch(`/studies/${uid}/view`, { signal, cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    if (signal.aborted) return;
    viewer.innerHTML = html;
    showLayers();
    shown = uid;
  } catch {
    if (!signal.aborted) wanted = shown; // asked for again with the next line or the next change
  }
}
