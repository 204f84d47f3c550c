// Requests to the API, and its problems in words.

const PATIENCE_MS = 60000;

export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// The path of a model's resources, after the prefix that a proxy may have put before it.
export function modelPath(model, rest) {
  return `${document.body.dataset.root}/api/v1/models/${encodeURIComponent(model)}/${rest}`;
}

// Returns the response and its body. Throws a Refusal, whose message is for people.
export async function ask(method, path, { token = "", body = null, headers = {} } = {}) {
  const sent = new Headers(headers);
  if (token) {
    sent.set("Authorization", `Bearer ${token}`);
  }
  if (body !== null) {
    sent.set("Content-Type", "application/json");
  }
  let response;
  let answer;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    response = await fetch(path, { method, headers: sent, body, signal });
    answer = await response.json();
  } catch {
    throw new Refusal(0, "The server did not answer. Is it reachable?");
  }
  if (!response.ok) {
    throw new Refusal(response.status, inWords(response.status, answer));
  }
  return { response, answer };
}

function inWords(status, problem) {
  const detail = problem?.detail ?? "";
  switch (status) {
    case 401:
      return "The token is missing or wrong.";
    case 403:
      return `Not allowed: ${detail}.`;
    case 409:
      return `Not possible now: ${detail}.`;
    case 412:
      return "Somebody else changed the policy meanwhile, and nothing was changed by you. "
        + "The page shows theirs now: look at it, then decide again.";
    case 422:
      return `The policy does not fit: ${detail}.`;
    case 429:
    case 503:
      return `The server can’t answer now: ${detail}.`;
    default:
      return `${problem?.title ?? "Refused"}: ${detail || `status ${status}`}.`;
  }
}
