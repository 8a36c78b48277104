// The larger view: film, heat map, landmarks, findings, other studies of the line in hand, or of
// the line under the pointer.
import { catchForms, send, tell } from "./acting.js";
import { filters } from "./filters.js";
import { keepLayers, showLayers } from "./layers.js";
import { focusRow, inHand, studies, uidOf } from "./rows.js";
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
  main.addEventListener("pointerleave", (event) => {
    // With no line in hand, what is shown stays while the pointer goes over to it.
    if (!inHand() && viewer.contains(event.relatedTarget)) clearTimeout(waiting);
    else later();
  });
  // A click on a button here leaves the line in hand where it is.
  viewer.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
  catchForms(viewer, () => {
    if (inHand()) focusRow(inHand(), ""); // so that the next key is for the line that was acted on
    refresh();
  });
  keepLayers(viewer);
}

export function toggleViewer() {
  const hidden = document.body.classList.toggle(HIDDEN);
  localStorage.setItem(HIDDEN, String(hidden));
}

// The list has changed: so may have what is shown of it. Another study is shown only where that
// one has left the list.
export function renewViewer(altered) {
  if (!wanted || !document.getElementById(`w-${wanted}`)) load(target(), true);
  else if (altered.has(`w-${wanted}`)) load(wanted, true);
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

function later(_event, uid = "") {
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
  if (!uid) { shown = ""; delete viewer.dataset.study; viewer.textContent = filters() ? say("none") : viewer.dataset.none; return; }
  try {
    const answer = await fetch(`/studies/${uid}/view`, { signal, cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    if (signal.aborted) return;
    put(html, uid);
    showLayers();
    shown = uid;
  } catch {
    if (!signal.aborted) wanted = shown; // asked for again with the next line or the next change
  }
}

// What has the focus keeps it; never a button of another study, that a key was not meant for.
function put(html, uid) {
  const held = viewer.contains(document.activeElement) ? document.activeElement : null;
  viewer.innerHTML = html;
  viewer.dataset.study = uid;
  if (!held) return;
  const again = uid === shown && viewer.querySelector(`[data-key="${CSS.escape(held.dataset.key ?? "")}"]`);
  const row = document.getElementById(`w-${uid}`);
  if (again) again.focus({ preventScroll: true });
  else if (uid === shown && row) focusRow(row, "");
  else main.focus({ preventScroll: true });
}
