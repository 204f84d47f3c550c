// Asks for the page again and again, and takes over what has changed. Rests while nobody looks.

import { morph } from "./morph.js";
import { isLocked, readerToken } from "./tokens.js";

const INTERVAL_MS = 2000;
const LONGEST_PAUSE_MS = 30000;
const PATIENCE_MS = 15000;

let turn = 0;
let timer = 0;
let failures = 0;
let lostAt = "";
let afterwards = () => {};

export function startLive(settle) {
  afterwards = settle;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      turn += 1; // What still comes is no longer wanted.
      pulse("paused");
    } else {
      refresh();
    }
  });
  if (!isLocked()) {
    pulse("live");
    schedule(INTERVAL_MS);
  }
}

// Returns once the page shows what was so after the call. An answer that comes after a later
// call's would show older things, so it is dropped.
export async function refresh() {
  if (isLocked() && !readerToken()) {
    return;
  }
  turn += 1;
  const mine = turn;
  clearTimeout(timer);
  try {
    const fresh = await load();
    if (mine !== turn) {
      return;
    }
    document.title = fresh.title;
    morph(document.body, fresh.body);
    failures = 0;
    pulse(isLocked() ? "" : "live");
    afterwards();
  } catch {
    if (mine !== turn) {
      return;
    }
    failures += 1;
    lostAt = failures === 1 ? new Date().toLocaleTimeString() : lostAt;
    pulse(`no answer since ${lostAt}, trying again`, true);
  }
  if (!document.hidden && !isLocked()) {
    schedule(Math.min(LONGEST_PAUSE_MS, INTERVAL_MS * 2 ** failures));
  }
}

function schedule(pauseMs) {
  timer = setTimeout(refresh, pauseMs);
}

// XMLHttpRequest, because it parses the answer itself: no text is made markup by a script.
function load() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.timeout = PATIENCE_MS;
    const token = readerToken();
    if (token) {
      request.setRequestHeader("Authorization", `Bearer ${token}`);
    }
    request.onload = () => {
      // A proxy before the server may answer with a page of its own.
      const isOurs = request.status === 200 && request.response?.body?.dataset.root !== undefined;
      isOurs ? resolve(request.response) : reject(new Error("no console"));
    };
    request.onerror = request.ontimeout = () => reject(new Error("no answer"));
    request.send();
  });
}

function pulse(text, isLost = false) {
  const place = document.getElementById("pulse");
  if (place && place.textContent !== text) {
    place.textContent = text;
    place.classList.toggle("lost", isLost);
  }
}
