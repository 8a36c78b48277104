// Agree, disagree, undo, open, release: sends a form of the page, and says what came of it.
import { readOut, say } from "./say.js";

const TOAST_MS = 6000;
const toast = document.getElementById("toast");
let fading = 0;

export function tell(text, trouble = false) {
  toast.textContent = text;
  toast.hidden = false;
  readOut(text);
  toast.classList.toggle("trouble", trouble);
  clearTimeout(fading);
  fading = setTimeout(() => { toast.hidden = true; }, TOAST_MS);
}

export async function send(form) {
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
      redirect: "error",
    });
    const told = await answer.json();
    tell(told.error ?? told.said ?? say(`done.${form.dataset.verb}`), !answer.ok);
    return answer.ok;
  } catch {
    tell(say("failed"), true);
    return false;
  }
}

// Forms work without a script too; with one, the page stays where it is.
export function catchForms(root, afterwards) {
  root.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.verb) return;
    event.preventDefault();
    if (await send(form)) afterwards();
  });
}
