// What jose makes of access tokens: a line with a token comes in, a line with a verdict goes out.
//
//   node tools/opinion/jose.mjs '{"keys": {"keys": […]}, "issuer": …, …}'
//
// It is told what the filter is told, and used as its documentation says. Two things are done by hand. A shared secret is
// found as jose finds a public key, by `kid` and `alg`, since its key sets have public keys only. And where several keys
// fit, all are tried in their order, which jose leaves to its caller.

import { createInterface } from "node:readline";
import { createLocalJWKSet, errors, jwtVerify } from "jose";

const { keys, issuer, audience, algorithms, now, skew, lifetime, type, required } = JSON.parse(process.argv[2]);

const options = {
  algorithms,
  audience,
  clockTolerance: skew,
  currentDate: new Date(now * 1000),
  issuer,
  maxTokenAge: lifetime,
  requiredClaims: required,
  typ: type,
};

const publicKeys = createLocalJWKSet({ keys: keys.keys.filter((key) => key.kty !== "oct") });
const secrets = keys.keys.filter((key) => key.kty === "oct");

function secret({ alg, kid }) {
  const candidates = secrets.filter((key) => (kid === undefined || key.kid === kid) && (key.alg ?? alg) === alg);
  if (candidates.length === 0) throw new errors.JWKSNoMatchingKey();
  if (candidates.length === 1) return candidates[0];
  const several = new errors.JWKSMultipleMatchingKeys();
  several[Symbol.asyncIterator] = async function* () {
    yield* candidates;
  };
  throw several;
}

const keyOf = (header, token) => (header.alg.startsWith("HS") ? secret(header) : publicKeys(header, token));

async function payload(token) {
  try {
    return (await jwtVerify(token, keyOf, options)).payload;
  } catch (several) {
    if (several.code !== "ERR_JWKS_MULTIPLE_MATCHING_KEYS") throw several;
    for await (const key of several) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        if (error.code !== "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") throw error;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

async function verdict(token) {
  try {
    const { sub, client_id, jti } = await payload(token);
    return { sub, client_id, jti };
  } catch (error) {
    // What is no refusal of jose is a fault of this script or of jose, and must not pass for one.
    if (!(error instanceof errors.JOSEError)) throw error;
    return { refused: error.code };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await verdict(JSON.parse(line)))}\n`);
}
