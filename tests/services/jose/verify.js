// node verify.js JWKS-URL < token: print the claims, or jose's error code.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { readFileSync } from "node:fs";

const keys = createRemoteJWKSet(new URL(process.argv[2]));
const token = readFileSync(0, "utf8").trim();
try {
  const { payload } = await jwtVerify(token, keys, { algorithms: ["RS256"] });
  console.log(JSON.stringify({ payload }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code }));
}
