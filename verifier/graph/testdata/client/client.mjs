// Drives the policy API with Microsoft's own client, as an administrator's
// script would. Arguments: the server's address; the token is on standard
// input. Prints one JSON object with what the client understood.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Client } = createRequire(import.meta.url)("@microsoft/microsoft-graph-client");

const baseUrl = process.argv[2];
const token = readFileSync(0, "utf8").trim();
const resource = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/MicrosoftAuthenticator";
const type = "#microsoft.graph.microsoftAuthenticatorAuthenticationMethodConfiguration";

const connect = (bearer, defaultVersion) =>
  Client.init({
    baseUrl: baseUrl + "/",
    defaultVersion,
    customHosts: new Set([new URL(baseUrl).hostname]),
    authProvider: (done) => done(null, bearer),
  });

const refusal = (promise) =>
  promise.then(
    () => ({ statusCode: 200 }),
    ({ statusCode, code, message, requestId, body }) => ({ statusCode, code, message, requestId, body: JSON.parse(body) }),
  );

const beta = connect(token, "beta");
const v1 = connect(token, "v1.0");
const target = (id) => ({ targetType: "group", id, authenticationMode: "any", numberMatchingRequiredState: "enabled" });
const out = {};

out.initial = await beta.api(resource).get();
out.patched = (await beta.api(resource).patch({ "@odata.type": type, includeTargets: [target("all_users")] })) ?? null;
out.afterLegacyPatch = await beta.api(resource).get();
await v1
  .api(resource)
  .patch({ "@odata.type": type, featureSettings: { displayAppInformationRequiredState: { state: "disabled" } } });
// Read, change one thing, patch all of it back: both shapes are in there.
const whole = await beta.api("/authenticationMethodsPolicy/authenticationMethodConfigurations('microsoftAuthenticator')").get();
await beta.api(resource).patch({ ...whole, isSoftwareOathEnabled: false });
out.afterRoundTrip = await beta.api(resource).get();
out.v1 = await v1.api(resource).get();
out.selected = await beta.api(resource).header("ConsistencyLevel", "eventual").select(["id", "state"]).get();
out.twoTargets = await refusal(
  beta.api(resource).patch({ "@odata.type": type, includeTargets: [target("first"), target("second")] }),
);
out.untyped = await refusal(beta.api(resource).patch({ state: "disabled" }));
out.stranger = await refusal(connect("nobody's", "beta").api(resource).get());
out.deleted = (await beta.api(resource).delete()) ?? null;
out.afterDelete = await beta.api(resource).get();

process.stdout.write(JSON.stringify(out));
