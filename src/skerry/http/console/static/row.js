// What the fields of a form say, as the JSON of a request. Throws a Mistake that names the field.

export class Mistake extends Error {
  constructor(field, text) {
    super(text);
    this.field = field;
  }
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

// The body as text, because a number is to be sent as it was typed, with all its digits.
export function bodyOf(form) {
  return `{"features": ${featuresOf(form)}, "return_probabilities": true}`;
}

function featuresOf(form) {
  const fields = [...form.querySelectorAll("[data-kind]")];
  fields.forEach((field) => field.removeAttribute("aria-invalid"));
  if (fields.length === 1 && fields[0].dataset.kind === "row") {
    return rowOf(fields[0]);
  }
  const names = fields.map((field) => field.dataset.feature);
  const values = fields.map(valueOf);
  if (new Set(names).size < names.length) {
    return `[${values.join(", ")}]`;
  }
  return `{${names.map((name, i) => `${JSON.stringify(name)}: ${values[i]}`).join(", ")}}`;
}

function rowOf(field) {
  try {
    JSON.parse(field.value);
  } catch (error) {
    throw new Mistake(field, `The row is not JSON: ${error.message}`);
  }
  return field.value;
}

function valueOf(field) {
  const { kind, feature } = field.dataset;
  const isNullable = "nullable" in field.dataset;
  if (kind === "json") {
    return field.value;
  }
  if (kind === "text") {
    return field.value === "" && isNullable ? "null" : JSON.stringify(field.value);
  }
  const typed = field.value.trim();
  if (typed === "" && isNullable && !field.validity.badInput) {
    return "null";
  }
  if (typed === "" || field.validity.badInput || !Number.isFinite(Number(typed))) {
    throw new Mistake(field, `${feature}: expected a number.`);
  }
  return JSON_NUMBER.test(typed) ? typed : String(Number(typed));
}
