// Decodes an identity token for display. A phone app does not need this.

const MEANING = {
  typ: "type",
  alg: "signature",
  cty: "content",
  kid: "key ID",
  iss: "provider ID",
  prn: "Layer user ID",
  nce: "nonce",
  iat: "issued",
  exp: "expires",
};
const TIMES = new Set(["iat", "exp"]);

export function decode(token) {
  const [header, claims] = token.split(".").slice(0, 2).map(decodePart);
  return { header: rows(header), claims: rows(claims) };
}

function decodePart(part) {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function rows(fields) {
  return Object.entries(fields).map(([name, value]) => ({
    name,
    meaning: MEANING[name] ?? "",
    value: typeof value === "string" ? value : JSON.stringify(value),
    note: TIMES.has(name) ? humanTime(value) : "",
  }));
}

function humanTime(seconds) {
  const format = new Intl.DateTimeFormat(undefined, {
    dateStyle: "medium",
    timeStyle: "long",
  });
  return format.format(new Date(seconds * 1000));
}
