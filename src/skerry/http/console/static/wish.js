// What an operator is about to change in a model's traffic, and what the page showed when they began.
//
// A refresh shows what others do meanwhile. The wish stays what it was: its version by name, and the
// generation and policy that it was made on, so that the server can refuse it where those are gone.

// A wish is never changed, only replaced: who holds one can tell whether it is still the same.
const wishes = new WeakMap();

// version: empty where the one that was chosen is gone. weight: null until the slider was moved.
// seen: null, or the generation and policy that the change begins with. refused: a generation that
// is not in force any more, where the page has yet to show what is.
export function wishOf(form) {
  return wishes.get(form) ?? null;
}

export function wishFor(form, version, weight) {
  const { seen = shownBy(form), refused = null } = wishOf(form) ?? {};
  wishes.set(form, { version, weight, seen: seen ?? shownBy(form), refused });
}

export function dropWish(form) {
  wishes.delete(form);
}

// The version is gone: nothing is chosen until somebody chooses.
export function dropChoice(form) {
  wishes.set(form, { version: "", weight: null, seen: null, refused: null });
}

// The wish stays for another try, on what the page shows once that is newer than its generation.
export function beginAnew(form) {
  const wish = wishOf(form);
  if (wish) {
    wishes.set(form, { ...wish, refused: beginsWith(form).generation });
    followRefresh(form);
  }
}

// To be called when the page has been refreshed.
export function followRefresh(form) {
  const wish = wishOf(form);
  if (wish?.refused && wish.refused !== form.dataset.generation) {
    wishes.set(form, { ...wish, seen: shownBy(form), refused: null });
  }
}

// The generation and policy that a change by this form begins with.
export function beginsWith(form) {
  return wishOf(form)?.seen ?? shownBy(form);
}

function shownBy(form) {
  const { generation, policy } = form.dataset;
  return { generation, policy };
}
