// A study's page and the operator's: a fragment that is swapped when something has changed.
import { catchForms, send } from "./acting.js";
import { startKeys } from "./keys.js";
import { keepLayers, showLayers, toggleLayer } from "./layers.js";
import { answered, keepFresh, refresh } from "./stream.js";
import { keepTicking, tick } from "./waiting.js";

const live = document.getElementById("live");
const main = () => document.getElementById("main");

async function fetchFragment() {
  const answer = await answered(fetch(live.dataset.fragment, { cache: "no-store" }));
  swap(await answer.text());
  tick();
}

function swap(html) {
  // What somebody is writing is not taken out of their hands.
  if (live.querySelector("dialog[open], select:focus")) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const held = document.activeElement?.dataset?.key;
  const scrolled = main().scrollTop;
  const pictures = keptPictures(fresh);
  const opened = [...live.querySelectorAll("details[open]")].map((one) => one.dataset.key);
  live.replaceChildren(...document.importNode(fresh.body, true).childNodes);
  for (const [source, picture] of pictures) {
    live.querySelector(`img[data-kept="${CSS.escape(source)}"]`).replaceWith(picture);
  }
  for (const key of opened) live.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
  showLayers();
  main().scrollTop = scrolled;
  const again = held && live.querySelector(`[data-key="${CSS.escape(held)}"]`);
  (again || main()).focus({ preventScroll: true });
}

// Pictures that stay are moved over, so that they neither flicker nor travel again.
function keptPictures(fresh) {
  const known = new Map([...live.querySelectorAll("img")].map((image) => [image.getAttribute("src"), image]));
  const kept = new Map();
  for (const image of fresh.querySelectorAll("img")) {
    const source = image.getAttribute("src");
    if (!known.has(source) || kept.has(source)) continue;
    image.removeAttribute("src");
    image.dataset.kept = source;
    kept.set(source, known.get(source));
  }
  return kept;
}

function follow(relation) {
  return () => {
    const link = live.querySelector(`a[rel~="${relation}"]`);
    if (link) link.click();
    else location.assign("/");
  };
}

function turn(relation) {
  return () => { live.querySelector(`a[rel~="${relation}"]`)?.click(); };
}

async function act(verbs) {
  const form = verbs.map((verb) => live.querySelector(`form[data-verb="${verb}"]`)).find(Boolean);
  if (form && (await send(form))) refresh();
}

startKeys({
  Escape: follow("back"),
  j: turn("next"),
  ArrowRight: turn("next"),
  k: turn("previous"),
  ArrowLeft: turn("previous"),
  a: () => act(["agree"]),
  d: () => act(["disagree"]),
  u: () => act(["undo"]),
  o: () => act(["claim", "release"]),
  h: () => toggleLayer("saliency"),
  l: () => toggleLayer("landmarks"),
});

// A confirmation is a dialog, opened by what names it.
live.addEventListener("click", (event) => {
  const named = event.target.closest("[data-opens]")?.dataset.opens;
  if (named) document.getElementById(named).showModal();
  if (event.target.closest("[data-does='cancel']")) event.target.closest("dialog").close();
});

catchForms(live, () => {
  live.querySelector("dialog[open]")?.close();
  refresh();
});
keepLayers(live);
keepTicking();
keepFresh(fetchFragment);
main().focus({ preventScroll: true }); // so that the page keys scroll it
// Back on the list, the study that was open is the line in hand.
if (main().dataset.study) sessionStorage.setItem("study", main().dataset.study);
