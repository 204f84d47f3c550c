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
  const keys = new Set([...fresh.childNodes].map(keyOf));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = counterpart(place, wanted);
    if (match === null) {
      old.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    clearWay(place, match, keys);
    place = match.nextSibling;
    update(match, wanted);
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// What stands for the same thing in both trees; empty for what has no name of its own.
function keyOf(node) {
  return node.id || (node.nodeName === "OPTION" ? `option ${node.value}` : "");
}

// The node that becomes the wanted one: by key wherever it stands, else the one that is next.
function counterpart(place, wanted) {
  const key = keyOf(wanted);
  if (key) {
    for (let node = place; node !== null; node = node.nextSibling) {
      if (keyOf(node) === key && node.nodeName === wanted.nodeName) {
        return node;
      }
    }
    return null;
  }
  const isAlike = place !== null && place.nodeName === wanted.nodeName && !keyOf(place);
  return isAlike ? place : null;
}

// Takes away what stands before the match, rather than move that: an element that is moved loses
// focus, and whoever drags its slider is interrupted. What is still wanted later goes behind it.
function clearWay(place, match, keys) {
  for (let node = place; node !== match;) {
    const next = node.nextSibling;
    if (keyOf(node) && keys.has(keyOf(node))) {
      match.after(node);
    } else {
      node.remove();
    }
    node = next;
  }
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
