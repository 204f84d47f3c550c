// The form that asks a model: sends its row, shows the answer, and gives the same as a command.

import { showAnswer } from "./answer.js";
import { ask, modelPath } from "./api.js";
import { copy, curl } from "./curl.js";
import { say } from "./dom.js";
import { bodyOf } from "./row.js";
import { readerToken } from "./tokens.js";

// How often each form has asked. It is no attribute: a refresh makes those as the server has them.
const asked = new WeakMap();

// The version that somebody chose to ask, by name: its option goes and comes with the version.
const chosen = new WeakMap();

export function watchTry() {
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-try]")) {
      event.preventDefault();
      predict(event.target);
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("form[data-try]") && event.target.name === "version") {
      chosen.set(form, event.target.value);
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) {
      copyCommand(button.form);
    }
  });
}

// After a refresh: what was chosen stays chosen, or its end is told.
export function settleTry() {
  for (const form of document.querySelectorAll("form[data-try]")) {
    const select = form.elements.version;
    const wanted = chosen.get(form) ?? "";
    const isThere = [...select.options].some((option) => option.value === wanted);
    select.value = isThere ? wanted : "";
    if (!isThere) {
      chosen.delete(form);
      const said = form.querySelector(".said");
      said.classList.remove("heard");
      say(said, `${wanted} can’t be asked any more: whoever the policy chooses is.`, true);
    }
  }
}

async function predict(form) {
  const body = withMistakesSaid(form);
  if (body === null) {
    return;
  }
  const [said, place] = [form.querySelector(".said"), form.querySelector(".answer")];
  // A later question's answer may come first; an earlier one's must not replace it.
  const mine = (asked.get(form) ?? 0) + 1;
  asked.set(form, mine);
  const began = performance.now();
  try {
    const { response, answer } = await ask("POST", pathOf(form), { token: readerToken(), body });
    if (asked.get(form) === mine) {
      const heard = showAnswer(place, answer, response.headers, performance.now() - began);
      say(said, heard);
      said.classList.add("heard");
    }
  } catch (refusal) {
    if (asked.get(form) === mine) {
      place.replaceChildren();
      said.classList.remove("heard");
      say(said, refusal.message, true);
    }
  }
}

async function copyCommand(form) {
  const body = withMistakesSaid(form);
  if (body === null) {
    return;
  }
  const place = form.querySelector(".command");
  const needsToken = document.body.hasAttribute("data-needs-token");
  place.textContent = curl(new URL(pathOf(form), location.href).href, body, needsToken);
  const isCopied = await copy(place);
  const said = form.querySelector(".said");
  said.classList.remove("heard");
  say(said, isCopied ? "Copied." : "The browser does not let a page copy here: it is selected.");
}

function pathOf(form) {
  const version = form.elements.version.value;
  const rest = version ? `versions/${encodeURIComponent(version)}/predict` : "predict";
  return modelPath(form.dataset.try, rest);
}

function withMistakesSaid(form) {
  try {
    return bodyOf(form);
  } catch (mistake) {
    if (!mistake.field) {
      throw mistake;
    }
    const said = form.querySelector(".said");
    said.classList.remove("heard");
    say(said, mistake.message, true);
    mistake.field.setAttribute("aria-invalid", "true");
    mistake.field.focus();
    return null;
  }
}
