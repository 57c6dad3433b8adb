// Drives the Google Calendar stand-in with Google's own client, to show that it behaves as clients expect.
// Usage: node google-calendar.mjs ORIGIN. Prints `ok - NAME` per check and stops at the first that fails.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { google } from "googleapis";

const origin = process.argv[2];
if (!origin) {
  console.error("usage: node google-calendar.mjs ORIGIN");
  process.exit(2);
}

const control = async (path, body) => {
  const answer = await fetch(`${origin}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(body ?? {}) });
  assert.equal(answer.status, 200, await answer.text());
};

const check = async (name, run) => {
  try {
    await run();
    console.log(`ok - ${name}`);
  } catch (error) {
    console.error(`not ok - ${name}`);
    console.error(error);
    process.exit(1);
  }
};

/** The reason that a call is refused with. */
const refused = async (promise, status) => {
  const error = await promise.then(
    () => assert.fail(`expected ${status}`),
    (error) => error,
  );
  assert.equal(error.status, status, error.message);
  return error.response.data?.error?.errors?.[0]?.reason ?? error.response.data?.error;
};

await control("reset");
const endpoints = { oauth2TokenUrl: `${origin}/token` };
const client = { clientId: "sandbox-client", clientSecret: "sandbox-secret", forceRefreshOnFailure: true };
const auth = new google.auth.OAuth2({ ...client, endpoints });
auth.setCredentials({ refresh_token: "sandbox-refresh" });
const options = { version: "v3", rootUrl: `${origin}/`, retry: false };
const calendar = google.calendar({ ...options, auth });

const calendarId = "front-desk@acme.example";
const slot = (from, to) => ({
  start: { dateTime: `2026-11-24T${from}:00-06:00`, timeZone: "America/Chicago" },
  end: { dateTime: `2026-11-24T${to}:00-06:00`, timeZone: "America/Chicago" },
});
const eventId = "k4m8n0p2q6r1s3t5";
const path = { calendarId, eventId };

await check("a refresh token brings an access token and the calendars", async () => {
  const { data } = await calendar.calendarList.list();
  assert.deepEqual(data.items.map((one) => one.id), [calendarId, "tech-1@acme.example"]);
  assert.equal(data.items[0].primary, true);
});

let etag;
await check("an event is booked under the client's id", async () => {
  const requestBody = {
    id: eventId,
    summary: "Cleaning",
    status: "tentative",
    extendedProperties: { private: { call: "c-1" } },
    ...slot("11:00", "12:00"),
  };
  const { data } = await calendar.events.insert({ calendarId, sendUpdates: "none", requestBody });
  assert.equal(data.status, "tentative");
  assert.equal(data.start.dateTime, "2026-11-24T11:00:00-06:00");
  etag = data.etag;
  assert.equal(await refused(calendar.events.insert({ calendarId, requestBody }), 409), "duplicate");
});

await check("free/busy knows it, and hides a calendar that is not there", async () => {
  const items = [{ id: calendarId }, { id: "nobody@acme.example" }];
  const requestBody = { timeMin: "2026-11-24T00:00:00Z", timeMax: "2026-11-25T00:00:00Z", items };
  const { data } = await calendar.freebusy.query({ requestBody });
  assert.deepEqual(data.calendars[calendarId].busy, [{ start: "2026-11-24T17:00:00Z", end: "2026-11-24T18:00:00Z" }]);
  assert.deepEqual(data.calendars["nobody@acme.example"], { errors: [{ domain: "global", reason: "notFound" }], busy: [] });
});

await check("it is found by time and by its own property", async () => {
  const window = { timeMin: "2026-11-24T17:30:00Z", timeMax: "2026-11-24T17:45:00Z" };
  const { data } = await calendar.events.list({ calendarId, ...window, singleEvents: true, orderBy: "startTime" });
  assert.deepEqual(data.items.map((one) => one.id), [eventId]);
  const mine = await calendar.events.list({ calendarId, privateExtendedProperty: ["call=c-1"] });
  assert.equal(mine.data.items.length, 1);
  const none = await calendar.events.list({ calendarId, privateExtendedProperty: ["call=c-1", "call=c-2"] });
  assert.equal(none.data.items.length, 0);
});

await check("a change with the right etag goes in, with an old one it does not", async () => {
  const change = () =>
    calendar.events.patch({ ...path, sendUpdates: "all", requestBody: { status: "confirmed" } }, { headers: { "If-Match": etag } });
  const { data } = await change();
  assert.equal(data.status, "confirmed");
  assert.notEqual(data.etag, etag);
  assert.equal(await refused(change(), 412), "conditionNotMet");
  const read = await calendar.events.get(path);
  assert.deepEqual([read.data.status, read.data.extendedProperties.private.call], ["confirmed", "c-1"]);
});

await check("a person can book the same time just before", async () => {
  await control("configure", { insert_before_next: { summary: "Walk-in", ...slot("14:00", "15:00") } });
  await calendar.events.insert({ calendarId, requestBody: { summary: "Ours", ...slot("14:00", "15:00") } });
  const window = { timeMin: "2026-11-24T20:00:00Z", timeMax: "2026-11-24T21:00:00Z" };
  const { data } = await calendar.events.list({ calendarId, ...window, singleEvents: true });
  assert.deepEqual(data.items.map((one) => one.summary).sort(), ["Ours", "Walk-in"]);
});

await check("a sync token tells what is new", async () => {
  const before = await calendar.events.list({ calendarId });
  await calendar.events.insert({ calendarId, requestBody: { summary: "New", ...slot("16:00", "17:00") } });
  const { data } = await calendar.events.list({ calendarId, syncToken: before.data.nextSyncToken });
  assert.deepEqual(data.items.map((one) => one.summary), ["New"]);
  assert.equal(await refused(calendar.events.list({ calendarId, syncToken: "old" }), 410), "fullSyncRequired");
});

await check("a cancelled event keeps its id", async () => {
  assert.equal((await calendar.events.delete({ ...path, sendUpdates: "all" })).status, 204);
  assert.equal(await refused(calendar.events.delete(path), 410), "deleted");
  const { data } = await calendar.events.get(path);
  assert.equal(data.status, "cancelled");
  const again = { id: eventId, ...slot("11:00", "12:00") };
  assert.equal(await refused(calendar.events.insert({ calendarId, requestBody: again }), 409), "duplicate");
});

await check("what is not allowed is refused with its reason", async () => {
  const insert = (requestBody) => calendar.events.insert({ calendarId, requestBody });
  assert.equal(await refused(insert({ id: "not-an-id", ...slot("11:00", "12:00") }), 400), "invalid");
  assert.equal(await refused(insert({ ...slot("12:00", "11:00") }), 400), "timeRangeEmpty");
  assert.equal(await refused(insert({ start: slot("11:00", "12:00").start }), 400), "required");
  assert.equal(await refused(calendar.events.get({ calendarId: "nobody@acme.example", eventId }), 404), "notFound");
});

await check("a token that has ended is refreshed by the client", async () => {
  auth.setCredentials({ refresh_token: "sandbox-refresh", access_token: "stale", expiry_date: Date.now() + 3_600_000 });
  assert.equal((await calendar.calendarList.list()).status, 200);
  auth.setCredentials({ refresh_token: "dead" });
  assert.equal(await refused(calendar.calendarList.list(), 400), "invalid_grant");
});

await check("a service account signs its way in", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = (key, type) => key.export({ type, format: "pem" });
  await control("configure", { public_key: pem(publicKey, "spki"), check_clock: true });
  const account = (key) => {
    const scopes = ["https://www.googleapis.com/auth/calendar.events"];
    const jwt = new google.auth.JWT({ email: "sandbox@project.example", key: pem(key, "pkcs8"), scopes });
    // The library has Google's own address built in.
    jwt.transporter.interceptors.request.add({
      resolved: async (config) => {
        if (config.url.pathname === "/token") config.url = new URL("/token", origin);
        return config;
      },
    });
    return google.calendar({ ...options, auth: jwt });
  };
  const service = account(privateKey);
  assert.equal((await service.events.list({ calendarId })).status, 200);
  const guests = { attendees: [{ email: "ann@example.com" }], ...slot("11:00", "12:00") };
  assert.equal(await refused(service.events.insert({ calendarId, requestBody: guests }), 403), "forbiddenForServiceAccounts");
  const stranger = account(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
  assert.equal(await refused(stranger.events.list({ calendarId }), 400), "invalid_grant");
});
