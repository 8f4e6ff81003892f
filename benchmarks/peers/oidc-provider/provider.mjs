// An OpenID provider in memory with one confidential client, RS256 and the forms for development.
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const { PORT, CLIENT, CLIENT_SECRET, CALLBACK } = process.env;
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [{ client_id: CLIENT, client_secret: CLIENT_SECRET, redirect_uris: [CALLBACK], grant_types: ["authorization_code"] }],
  cookies: { keys: ["a-key-of-the-benchmark-alone-0123456789"] },
  jwks: { keys: [{ ...key, use: "sig", alg: "RS256" }] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
  pkce: { required: () => false },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: id, preferred_username: id }),
  }),
});
provider.listen(Number(PORT), "127.0.0.1");
