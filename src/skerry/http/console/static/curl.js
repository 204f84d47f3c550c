// A request as a command for a shell.

export function curl(url, body, needsToken) {
  const lines = [`curl -s ${quoted(url)}`, "-H 'Content-Type: application/json'"];
  if (needsToken) {
    // The token itself is not for clipboards and histories.
    lines.push('-H "Authorization: Bearer $SKERRY_API_TOKEN"');
  }
  lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

// Within single quotes a shell reads everything as it stands, but for the quote itself.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Copies an element's text; where that is not allowed, selects it and returns false.
export async function copy(place) {
  try {
    await navigator.clipboard.writeText(place.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(place);
    return false;
  }
}
