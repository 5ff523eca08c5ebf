// An independent client: oauth4webapi asks for tokens, and shows them to the gateway.
//
// Commands: `token` gets one by client credentials, `revoke` revokes it; `ask` shows one to the gateway; `load` keeps on
// getting and showing tokens until `unload`, and says what came of it.

import { request as secureRequest } from "node:https";
import { decodeProtectedHeader } from "jose";
import * as oauth from "oauth4webapi";
import { serve } from "./lines.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const issuers = new Map();
// One for each name: a DPoP handle keeps its key, and the nonces that servers have given to it.
const holders = new Map();
const loads = new Map();

async function metadata(issuer) {
  if (!issuers.has(issuer)) {
    const url = new URL(issuer);
    const answer = await oauth.discoveryRequest(url, { algorithm: "oidc", ...insecure });
    issuers.set(issuer, await oauth.processDiscoveryResponse(url, answer));
  }
  return issuers.get(issuer);
}

async function holder(name, client) {
  if (name === undefined) return undefined;
  if (!holders.has(name)) holders.set(name, oauth.DPoP(client, await oauth.generateKeyPair("ES256")));
  return holders.get(name);
}

// A server that wants a nonce says so once; then the proof is made again with it. Nothing else is tried twice.
async function withNonce(DPoP, attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!DPoP || !oauth.isDPoPNonceError(error)) throw error;
    return attempt();
  }
}

// `fetch` has no certificates of clients, so these go by hand.
function certified({ cert, key }) {
  return (url, { method, headers, body }) =>
    new Promise((resolve, reject) => {
      const options = { method, headers, cert, key, rejectUnauthorized: false, agent: false };
      const request = secureRequest(url, options, async (answer) => {
        const parts = await answer.toArray();
        const values = Object.entries(answer.headers).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
        resolve(new Response(parts.length ? Buffer.concat(parts) : null, { status: answer.statusCode, headers: values }));
      });
      request.on("error", reject);
      request.end(body?.toString());
    });
}

async function token({ issuer, endpoint, id, secret, resource, scope, proof, identity }) {
  const client = { client_id: id };
  const server = { ...(await metadata(issuer)) };
  server.token_endpoint = endpoint ?? server.token_endpoint;
  const DPoP = await holder(proof, client);
  const options = { DPoP, ...insecure, ...(identity && { [oauth.customFetch]: certified(identity) }) };
  const parameters = new URLSearchParams({ resource, scope });
  const result = await withNonce(DPoP, async () => {
    const method = oauth.ClientSecretBasic(secret);
    const answer = await oauth.clientCredentialsGrantRequest(server, client, method, parameters, options);
    return oauth.processClientCredentialsResponse(server, client, answer);
  });
  return { token: result.access_token, type: result.token_type };
}

async function ask({ url, token, proof, identity, again, method = "GET" }) {
  const DPoP = await holder(proof, {});
  const send = identity ? certified(identity) : fetch;
  let last;
  const options = { DPoP, ...insecure, [oauth.customFetch]: (...request) => send(...(last = request)) };
  let attempts = 0;
  let answer;
  try {
    answer = await withNonce(DPoP, () => {
      attempts += 1;
      // Each request on a connection of its own, so that all workers of the gateway get some.
      const headers = new Headers({ connection: "close" });
      return oauth.protectedResourceRequest(token, method, new URL(url), headers, undefined, options);
    });
  } catch (error) {
    // oauth4webapi throws for answers with a challenge that it can read.
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
    answer = error.response;
  }
  // The very same request, as somebody sends it who has overheard it.
  if (again) answer = await send(...last);
  return {
    status: answer.status,
    challenge: answer.headers.get("www-authenticate"),
    retryAfter: answer.headers.get("retry-after"),
    attempts,
  };
}

async function revoke({ issuer, id, secret, token }) {
  const method = oauth.ClientSecretBasic(secret);
  const answer = await oauth.revocationRequest(await metadata(issuer), { client_id: id }, method, token, insecure);
  await oauth.processRevocationResponse(answer);
}

// Each lane gets a token, and shows it some times, and gets the next one.
async function lane(load) {
  const { grant, url, times } = load;
  while (!load.over) {
    const { token: value } = await token(grant);
    const { kid } = decodeProtectedHeader(value);
    for (let time = 0; time < times && !load.over; time += 1) {
      const { status } = await ask({ url, token: value });
      const counts = (load.counts[kid] ??= {});
      counts[status] = (counts[status] ?? 0) + 1;
    }
  }
}

await serve({
  token,
  ask,
  revoke,
  load: async ({ name, lanes, ...what }) => {
    const load = { ...what, counts: {}, over: false };
    load.lanes = Promise.all(Array.from({ length: lanes }, () => lane(load)));
    // Until somebody asks, a failure is nobody's; then it is thrown.
    load.lanes.catch(() => {});
    loads.set(name, load);
  },
  // By key and by status, so far.
  loaded: async ({ name }) => loads.get(name).counts,
  unload: async ({ name }) => {
    const load = loads.get(name);
    load.over = true;
    await load.lanes;
    return load.counts;
  },
});
