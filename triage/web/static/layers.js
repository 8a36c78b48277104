// What lies over the film is the reader's choice, kept from film to film.
export function keepLayers(root) {
  for (const layer of ["saliency", "landmarks"]) setLayer(layer, localStorage.getItem(layer) !== "off");
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

function setLayer(layer, on) {
  document.body.classList.toggle(`no-${layer}`, !on);
}
