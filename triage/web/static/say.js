// Strings of the page, from triage/web/strings, and waiting times in words.
const STRINGS = JSON.parse(document.body.dataset.strings);

export function say(key, facts = {}) {
  const text = STRINGS[facts.count === 1 && `${key}.one` in STRINGS ? `${key}.one` : key];
  return fill(text, facts);
}

export function fill(text, facts) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(facts[name]));
}

// The same words as triage.worklist.words.waiting_words.
export function waitingWords(seconds) {
  const all = Math.floor(seconds / 60);
  const hours = Math.floor(all / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (all < 1) return say("minute.less");
  if (hours < 1) return say("minutes", { minutes: all });
  if (hours < 24) return say("hours", { hours, minutes: two(all % 60) });
  return say("days", { days: Math.floor(hours / 24), hours: two(hours % 24) });
}

// Said to screen readers, in a region that is always there: what appears with its words is not heard.
export function readOut(text) {
  document.getElementById("announcement").textContent = text;
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
