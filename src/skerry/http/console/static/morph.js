// Makes one tree of elements like another and touches only what differs, so that focus, selections,
// open details and what was typed stay. An element with data-client is its script's: it is left alone.

const THEIRS = new Set(["style", "open", "aria-busy", "aria-invalid", "aria-valuetext"]);

export function morph(old, fresh) {
  syncAttributes(old, fresh);
  syncChildren(old, fresh);
}

function syncAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (!THEIRS.has(name) && old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
  for (const { name } of [...old.attributes]) {
    if (!THEIRS.has(name) && !fresh.hasAttribute(name)) {
      old.removeAttribute(name);
    }
  }
}

function syncChildren(old, fresh) {
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = counterpart(place, wanted);
    if (match === null) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (match === place) {
      place = place.nextSibling;
    } else {
      old.insertBefore(match, place);
    }
    update(match, wanted);
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// The node that becomes the wanted one: by id wherever it stands, else the one that is next.
function counterpart(place, wanted) {
  if (wanted.id) {
    for (let node = place; node !== null; node = node.nextSibling) {
      if (node.id === wanted.id && node.nodeName === wanted.nodeName) {
        return node;
      }
    }
    return null;
  }
  const isAlike = place !== null && place.nodeName === wanted.nodeName && !place.id;
  return isAlike ? place : null;
}

function update(old, wanted) {
  if (wanted.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== wanted.nodeValue) {
      old.nodeValue = wanted.nodeValue;
    }
    return;
  }
  if (!(old.hasAttribute("data-client") && wanted.hasAttribute("data-client"))) {
    morph(old, wanted);
  }
}
