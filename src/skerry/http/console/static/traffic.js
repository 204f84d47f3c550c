// The slider and the buttons that change a model's traffic.
//
// A change names the generation that the operator saw, so that nobody's change is lost unseen.

import { ask, modelPath } from "./api.js";
import { say } from "./dom.js";
import { inWords, withCanary } from "./policy.js";
import { adminToken, askForAdminToken, canBeSent } from "./tokens.js";

// Forms whose slider, or whose choice of a canary, differs from what the server says.
const moved = new WeakSet();
const chosen = new WeakSet();

export function watchTraffic(refresh) {
  document.addEventListener("input", (event) => {
    if (event.target.matches("input.share")) {
      const slider = event.target;
      slider.value = Math.round(slider.value);
      moved.add(slider.form);
      show(slider.form);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-steer]") && event.target.name === "version") {
      chosen.add(form);
      moved.delete(form);
      settle(form);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("input.share")) {
      moved.delete(event.target.form);
      settle(event.target.form);
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-steer]")) {
      event.preventDefault();
      change(event.target, event.submitter?.value ?? "apply", refresh);
    }
  });
}

// Shows what the server says, except where somebody is about to change it.
export function settleTraffic() {
  document.querySelectorAll("form[data-steer]").forEach(settle);
}

function settle(form) {
  const { version, share } = form.elements;
  if (!chosen.has(form)) {
    const preset = [...version.options].find((option) => option.defaultSelected);
    version.value = (preset ?? version.options[0])?.value ?? "";
  }
  if (!moved.has(form)) {
    share.value = declaredWeight(form);
  }
  show(form);
}

function declaredWeight(form) {
  return Number(form.elements.version.selectedOptions[0]?.dataset.weight ?? 0);
}

function show(form) {
  const { version, share } = form.elements;
  const weight = Number(share.value);
  const text = version.value ? `${weight} % to ${version.value}` : "";
  share.style.setProperty("--share", weight / 100);
  share.setAttribute("aria-valuetext", text || "no canary");
  const wanted = form.querySelector(".wanted");
  wanted.textContent = text;
  wanted.classList.toggle("pending", moved.has(form) && weight !== declaredWeight(form));
}

async function change(form, act, refresh) {
  const said = form.querySelector(".said");
  const token = adminToken();
  if (!token && !document.body.hasAttribute("data-changes-off")) {
    say(said, "Enter the admin token first; it is asked once.", true);
    askForAdminToken();
    return;
  }
  if (!canBeSent(token)) {
    say(said, "The admin token has plain ASCII characters only.", true);
    askForAdminToken();
    return;
  }
  const version = form.elements.version.value;
  if (act !== "rollback" && !version) {
    say(said, "There is no other version that is READY.", true);
    return;
  }
  if (form.hasAttribute("aria-busy")) {
    return;
  }
  form.setAttribute("aria-busy", "true");
  say(said, "");
  try {
    const { answer } = await send(form, act, version, token);
    moved.delete(form);
    chosen.delete(form);
    say(said, `Done: ${inWords(answer.declared)}.`);
  } catch (refusal) {
    say(said, refusal.message, true);
    if (refusal.status === 401) {
      askForAdminToken();
    }
  } finally {
    form.removeAttribute("aria-busy");
  }
  await refresh();
}

function send(form, act, version, token) {
  const { model, generation, policy } = form.dataset;
  const headers = { "If-Match": `"${generation}"` };
  if (act === "apply") {
    const weight = Number(form.elements.share.value);
    const body = JSON.stringify(withCanary(JSON.parse(policy), version, weight));
    return ask("PUT", modelPath(model, "traffic"), { token, headers, body });
  }
  const rest = act === "promote" ? `versions/${encodeURIComponent(version)}/activate` : "rollback";
  return ask("POST", modelPath(model, rest), { token, headers });
}
