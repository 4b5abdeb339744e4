// Writes a request as a curl command.

const COOKIE_HEADERS = new Set(["X-CSRFToken"]); // belong to the session cookie

/** A phone app sends requests to the endpoint and to Layer, not to the demo's own views. */
export function isOfPhone({ path, credentials }) {
  return path.startsWith("/layer/") || credentials === "omit";
}

/** Without the session cookie, which no script can read: curl asks for the password. */
export function curl({ method, path, headers, body, credentials }, user) {
  const words = ["curl", "--request", method, location.origin + path];
  if (credentials !== "omit") words.push("--user", user.username);
  for (const [name, value] of Object.entries(headers)) {
    if (!COOKIE_HEADERS.has(name)) words.push("--header", `${name}: ${value}`);
  }
  if (body) words.push("--data-raw", body);
  return words.map(quoted).join(" ");
}

// For a POSIX shell.
function quoted(word) {
  return /^[\w./:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
