// Waiting times run on in the page.
import { refresh, secondsSinceRefresh } from "./stream.js";
import { setText, waitingWords } from "./say.js";

const AGAIN_SECONDS = 3;

export function tick() {
  const now = Number(document.querySelector("[data-now]").dataset.now) + secondsSinceRefresh();
  let crossed = false;
  for (const cell of document.querySelectorAll("[data-arrived]")) {
    const waited = Math.max(0, now - Number(cell.dataset.arrived));
    const cap = Number(cell.dataset.cap);
    setText(cell.querySelector(".waited"), waitingWords(waited));
    const width = Math.min(100, (100 * waited) / cap).toFixed(1);
    const fill = cell.querySelector(".fill");
    if (fill.getAttribute("width") !== width) fill.setAttribute("width", width);
    crossed ||= waited >= cap && !cell.closest(".overdue");
  }
  // Whoever has waited too long is raised, though nothing was committed.
  if (crossed && secondsSinceRefresh() > AGAIN_SECONDS) refresh();
}

export function keepTicking() {
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  tick();
}
