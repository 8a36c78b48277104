// Hears what has been committed, fetches what follows, and says loudly when either has stopped.
import { fill } from "./say.js";

const connection = document.getElementById("connection");
const staleAfter = Number(connection.dataset.staleSeconds) * 1000;
const RECONNECT_MS = 3000;
const REFRESH_AT_LEAST_MS = 60000;
const REFRESH_AT_MOST_MS = 150;

let stream = null;
let heardAt = performance.now(); // when the service last proved that it lives
let refreshedAt = performance.now();
let refreshing = false;
let again = false;
let failed = false;
let leaving = false;
let fetchChanges = async () => {};

// `fetching` brings the page up to date, or throws when it cannot.
export function keepFresh(fetching) {
  fetchChanges = fetching;
  addEventListener("pagehide", () => { leaving = true; stream.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  setInterval(() => {
    if (performance.now() - refreshedAt > REFRESH_AT_LEAST_MS) refresh();
    if (performance.now() - heardAt > staleAfter) lost();
  }, 1000);
  listen();
}

export function secondsSinceRefresh() {
  return (performance.now() - refreshedAt) / 1000;
}

function listen() {
  stream = new EventSource(connection.dataset.events);
  stream.addEventListener("changed", () => { heard(); refresh(); });
  stream.addEventListener("beat", heard);
  stream.onerror = () => {
    lost();
    // After an HTTP error the browser gives up by itself.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, RECONNECT_MS);
    refresh(); // finds out whether the log-in has ended
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
  if (connection.hidden !== stale) return;
  const said = connection.querySelector("[data-say]");
  said.textContent = fill(said.dataset.say, { moment: document.querySelector(".as-of").textContent });
  connection.hidden = !stale;
}

// Several causes at once are one request; what comes while one is on its way asks once more.
export async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    await fetchChanges();
    refreshedAt = performance.now();
    failed = false;
    heard();
  } catch (error) {
    if (error.status === 401) { location.reload(); return; } // logged out: the service asks who it is
    failed = true;
    lost();
  }
  setTimeout(() => {
    refreshing = false;
    if (again || failed) { again = false; refresh(); }
  }, failed ? RECONNECT_MS : REFRESH_AT_MOST_MS);
}

export async function answered(request) {
  const answer = await request;
  if (answer.ok) return answer;
  throw Object.assign(new Error(String(answer.status)), { status: answer.status, answer });
}
