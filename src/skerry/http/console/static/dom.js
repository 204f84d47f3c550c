// Makes elements out of text. Text stays text: nothing here, or anywhere, makes markup of it.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Tells the outcome of what somebody did, where a screen reader listens.
export function say(place, text, isBad = false) {
  place.textContent = text;
  place.classList.toggle("bad", isBad);
}
