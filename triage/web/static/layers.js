// What lies over the film is the reader's choice, kept from film to film.
const LAYERS = ["saliency", "landmarks"];

export function keepLayers(root) {
  for (const layer of LAYERS) setLayer(layer, localStorage.getItem(layer) !== "off");
  // A picture that is not there leaves the smaller one below it to be seen.
  root.addEventListener("error", (event) => { event.target.hidden = event.target.tagName === "IMG"; }, true);
  for (const image of root.querySelectorAll("img")) image.hidden = image.complete && !image.naturalWidth;
  root.addEventListener("click", (event) => {
    const layer = event.target.closest("[data-layer]")?.dataset.layer;
    if (layer) toggleLayer(layer);
  });
}

export function toggleLayer(layer) {
  const on = document.body.classList.contains(`no-${layer}`);
  localStorage.setItem(layer, on ? "on" : "off");
  setLayer(layer, on);
}

// Switches that came anew are told how the layers stand.
export function showLayers() {
  for (const layer of LAYERS) {
    const on = !document.body.classList.contains(`no-${layer}`);
    for (const button of document.querySelectorAll(`[data-layer="${layer}"]`)) button.setAttribute("aria-pressed", String(on));
  }
}

function setLayer(layer, on) {
  document.body.classList.toggle(`no-${layer}`, !on);
  showLayers();
}
