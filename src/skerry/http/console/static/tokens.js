// The tokens: typed once, held by this module and its fields, gone with the page. Never stored.

let access = "";
let admin = "";

export function isLocked() {
  return document.body.hasAttribute("data-locked");
}

// For changes. Who unlocked the page with the admin token need not type it again.
export function adminToken() {
  return document.getElementById("admin-token")?.value.trim() || admin || access;
}

// For reading and predicting; empty where the server asks for none.
export function readerToken() {
  return document.body.hasAttribute("data-needs-token") ? access || adminToken() : "";
}

export function canBeSent(token) {
  return /^[\x20-\x7e]*$/.test(token);
}

export function askForAdminToken() {
  document.getElementById("admin-token")?.focus();
}

export function watchTokens(refresh) {
  document.addEventListener("input", (event) => {
    if (event.target.id === "admin-token") {
      admin = event.target.value.trim();
    }
  });
  document.addEventListener("submit", async (event) => {
    if (event.target.matches("[data-token]")) {
      event.preventDefault();
    }
    if (event.target.matches("[data-unlock]")) {
      event.preventDefault();
      await unlock(event.target, refresh);
    }
  });
}

async function unlock(form, refresh) {
  const said = form.querySelector(".said");
  const given = form.elements.access.value.trim();
  if (!given || !canBeSent(given)) {
    say(said, given ? "A token has plain ASCII characters only." : "Enter a token.");
    return;
  }
  access = given;
  await refresh();
  if (isLocked()) {
    access = "";
    say(said, "The server does not know this token.");
    form.elements.access.focus();
  } else {
    document.getElementById("main").focus();
  }
}

function say(place, text) {
  place.textContent = text;
  place.classList.add("bad");
}
