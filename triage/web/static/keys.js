// The keyboard. A table of keys; what is typed into a field belongs to the field.
const help = document.getElementById("help");

export function showHelp() {
  help.showModal();
}

export function startKeys(actions) {
  const known = { "?": showHelp, ...actions };
  document.querySelector("[data-does='help']").addEventListener("click", showHelp);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.matches?.("input:not([type=checkbox]), select, textarea");
    if (typing) {
      if (event.key === "Escape" || (event.key === "Enter" && event.target.type === "search")) {
        known.leaveField?.(event);
      }
      return;
    }
    const action = Object.hasOwn(known, event.key) ? known[event.key] : null;
    if (action && action(event.key) !== false) event.preventDefault();
  });
}
