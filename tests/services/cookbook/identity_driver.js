// node identity_driver.js: obey the commands on standard input, one JSON list a line.
import { identityToken } from "./identity.js";
import { next, pause, say } from "./lines.js";

const { nonce, headers, ...options } = await next();
try {
  say({ answer: await identityToken(nonce, { ...options, headers: () => headers }, pause) });
} catch ({ status, code, userId, remedy, message }) {
  say({ refused: { status, code, userId, remedy, message } });
}
process.exit();
