// A real authorization server: oidc-provider, on loopback, with everything in memory.
//
//   node tools/e2e/server.mjs '{"port": 0, "clients": […], "resources": {…}, "tls": {"key": …, "cert": …}}'
//
// Commands: `start` gives the ports and the private keys; `rotate` signs with a new key and publishes the old ones as well;
// `forget` publishes the newest key only; `requests` says how often each path was asked for.

import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";
import { serve } from "./lines.mjs";

// Node 20 does all that is needed of the newer versions that oidc-provider is made for, but for this.
URL.parse ??= (...parts) => (URL.canParse(...parts) ? new URL(...parts) : null);
// Results go to standard output, and nothing else does.
console.info = console.error;

const { port, clients, resources, tls, keys = [] } = JSON.parse(process.argv[2]);
const requests = {};
let answer;

function listen(server, at) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, "127.0.0.1", () => resolve(server.address().port));
  });
}

const handle = (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  requests[pathname] = (requests[pathname] ?? 0) + 1;
  answer(request, response);
};

async function newKey() {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  keys.unshift({ ...(await exportJWK(privateKey)), alg: "ES256", kid: crypto.randomUUID(), use: "sig" });
}

// A provider has its keys for life, so another set of keys is another provider behind the same door. What it keeps in
// memory belongs to all of them, as the adapter's storage is one.
function open(issuer) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    clientDefaults: { id_token_signed_response_alg: "ES256", introspection_signed_response_alg: "ES256" },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        // What the handshake has shown, and nothing that a header says.
        getCertificate: ({ socket }) => socket.getPeerX509Certificate?.()?.toString(),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          const format = resources[resource];
          if (!format) throw new Error(`no resource ${resource}`);
          return {
            scope: "documents:read documents:write",
            audience: resource,
            accessTokenFormat: format,
            accessTokenTTL: 300,
            jwt: { sign: { alg: "ES256" } },
          };
        },
      },
      revocation: { enabled: true },
    },
    scopes: ["documents:read", "documents:write"],
  });
  // Nobody but the tests is there to be told of it.
  for (const event of ["grant.error", "introspection.error", "server_error"]) {
    provider.on(event, (_, error) => console.error(`${event}: ${error.error_description ?? error.stack}`));
  }
  return provider.callback();
}

if (keys.length === 0) await newKey();
const plain = await listen(createServer(handle), port);
const issuer = `http://127.0.0.1:${plain}`;
answer = open(issuer);
// The same server with TLS, where a client shows its certificate; whose it is, is for the filter to judge.
const secure = tls && (await listen(createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, handle), 0));

await serve({
  start: async () => ({ port: plain, secure, keys }),
  rotate: async () => {
    await newKey();
    answer = open(issuer);
    return keys[0].kid;
  },
  forget: async () => {
    keys.length = 1;
    answer = open(issuer);
    return keys[0].kid;
  },
  requests: async () => requests,
});
