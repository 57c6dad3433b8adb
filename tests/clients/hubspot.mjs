// Drives the HubSpot stand-in with HubSpot's own client, to show that it behaves as clients expect.
// Usage: node hubspot.mjs ORIGIN. Prints `ok - NAME` per check and stops at the first that fails.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@hubspot/api-client";

const origin = process.argv[2];
if (!origin) {
  console.error("usage: node hubspot.mjs ORIGIN");
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

/** The error that a call ends with: `code` is the status, `body` what was answered. */
const refused = async (promise, status) => {
  const error = await promise.then(
    () => assert.fail(`expected ${status}`),
    (error) => error,
  );
  assert.equal(error.code, status, error.message);
  return error.body;
};

const type = (associationTypeId) => ({ associationCategory: "HUBSPOT_DEFINED", associationTypeId });
const link = (id, typeId) => ({ to: { id }, types: [type(typeId)] });
const filter = (...filters) => ({ filterGroups: [{ filters }], properties: [], sorts: [], limit: 10 });

await control("reset");
await control("configure", { index_lag_ms: 150 });
const hubspot = new Client({ accessToken: "pat-sandbox", basePath: origin, numberOfApiCallRetries: 0 });
const { contacts, companies, deals, tickets, objects } = hubspot.crm;
const links = hubspot.crm.associations.v4;

let ann;
await check("a contact is created", async () => {
  const made = await contacts.basicApi.create({
    properties: { email: "Ann@Example.com", firstname: "Ann", phone: "+13125550142", preferred_language: "spanish" },
    associations: [],
  });
  assert.equal(made.properties.email, "ann@example.com");
  assert.ok(made.createdAt instanceof Date);
  ann = made.id;
});

await check("the same address again is a 409 that names the contact", async () => {
  const body = await refused(contacts.basicApi.create({ properties: { email: "ann@example.com" }, associations: [] }), 409);
  assert.equal(body.category, "CONFLICT");
  assert.equal(body.message, `Contact already exists. Existing ID: ${ann}`);
});

await check("an unknown property and a bad option are refused by name", async () => {
  const input = { properties: { email: "bo@example.com", nope: "1", preferred_language: "latin" }, associations: [] };
  const body = await refused(contacts.basicApi.create(input), 400);
  assert.deepEqual(body.errors.map((error) => error.code), ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION"]);
});

await check("reading by email does not lag, search does", async () => {
  const found = await contacts.basicApi.getById("ann@example.com", ["phone"], undefined, undefined, false, "email");
  assert.equal(found.id, ann);
  const phone = { propertyName: "hs_searchable_calculated_phone_number", operator: "EQ", value: "3125550142" };
  assert.equal((await contacts.searchApi.doSearch(filter(phone))).total, 0);
  await sleep(200);
  const page = await contacts.searchApi.doSearch({ ...filter(phone), properties: ["email"] });
  assert.deepEqual(page.results.map((one) => one.properties.email), ["ann@example.com"]);
});

await check("an update answers what is there now", async () => {
  const changed = await contacts.basicApi.update(ann, { properties: { jobtitle: "Owner", phone: "" } });
  assert.equal(changed.properties.jobtitle, "Owner");
  const again = await contacts.basicApi.getById(ann, ["jobtitle", "phone"]);
  assert.deepEqual([again.properties.jobtitle, again.properties.phone], ["Owner", null]);
  await refused(contacts.basicApi.update("1", { properties: {} }), 404);
});

let deal;
await check("a deal and a company are created and associated", async () => {
  const made = await deals.basicApi.create({
    properties: { dealname: "Roof", dealstage: "appointmentscheduled", pipeline: "default", amount: "1200" },
    associations: [link(ann, 3)],
  });
  deal = made.id;
  const company = await companies.basicApi.create({ properties: { name: "Acme" }, associations: [] });
  const pair = await links.basicApi.createDefault("contacts", ann, "companies", company.id);
  assert.ok(pair.results.some((one) => one.associationSpec.associationTypeId === 279));
  const list = await links.basicApi.getPage("contacts", ann, "companies");
  assert.equal(list.results[0].toObjectId, company.id);
  const read = await contacts.basicApi.getById(ann, undefined, undefined, ["deals", "companies"]);
  assert.deepEqual(read.associations.deals.results.map((one) => [one.id, one.type]), [[deal, "contact_to_deal"]]);
});

let call;
await check("a call is logged with its associations", async () => {
  const made = await objects.calls.basicApi.create({
    properties: {
      hs_timestamp: "2026-11-22T16:00:00Z",
      hs_call_title: "Booked: cleaning",
      hs_call_direction: "INBOUND",
      hs_call_duration: "184000",
      hs_call_status: "COMPLETED",
      aftercall_key: "call-1",
      hubspot_owner_id: "7001",
    },
    associations: [link(ann, 194), link(deal, 206)],
  });
  call = made.id;
  const list = await links.basicApi.getPage("contacts", ann, "calls");
  assert.deepEqual(list.results.map((one) => one.toObjectId), [call]);
  const contact = await contacts.basicApi.getById(ann, ["notes_last_contacted", "num_associated_deals"]);
  assert.equal(contact.properties.notes_last_contacted, "2026-11-22T16:00:00.000Z");
  assert.equal(contact.properties.num_associated_deals, "1");
});

await check("a key that is taken is a 409, and an association type of another object a 400", async () => {
  const properties = { hs_timestamp: "2026-11-22T16:00:00Z", aftercall_key: "call-1" };
  const body = await refused(objects.calls.basicApi.create({ properties, associations: [] }), 409);
  assert.match(body.message, new RegExp(`Existing ID: ${call}$`));
  const wrong = { properties: { hs_timestamp: "2026-11-22T16:00:00Z" }, associations: [link(ann, 204)] };
  assert.equal((await refused(objects.calls.basicApi.create(wrong), 400)).category, "VALIDATION_ERROR");
});

await check("a batch with trace ids writes what it can", async () => {
  const task = (trace, key) => ({
    objectWriteTraceId: trace,
    properties: { hs_timestamp: "2026-11-24T16:00:00Z", hs_task_subject: key, hs_task_status: "NOT_STARTED", aftercall_key: key },
    associations: [link(ann, 204)],
  });
  const first = await objects.tasks.batchApi.create({ inputs: [task("a", "t1"), task("b", "t2")] });
  assert.equal(first.results.length, 2);
  assert.equal(first.numErrors, undefined);
  const second = await objects.tasks.batchApi.create({ inputs: [task("c", "t3"), task("d", "t1")] });
  assert.equal(second.numErrors, 1);
  assert.deepEqual(second.errors[0].context.objectWriteTraceId, ["d"]);
  assert.deepEqual(second.results.map((one) => one.properties.aftercall_key), ["t3"]);
});

await check("a batch of updates with trace ids changes what it can", async () => {
  const read = await objects.tasks.batchApi.read({ idProperty: "aftercall_key", inputs: [{ id: "t2" }], properties: [], propertiesWithHistory: [] });
  const [{ id }] = read.results;
  const change = (trace, id) => ({ objectWriteTraceId: trace, id, properties: { hs_task_priority: "HIGH" } });
  const changed = await objects.tasks.batchApi.update({ inputs: [change("0", id), change("1", "999999")] });
  assert.deepEqual([changed.results.map((one) => [one.objectWriteTraceId, one.id]), changed.numErrors], [[["0", id]], 1]);
  assert.deepEqual(changed.errors[0].context.objectWriteTraceId, ["1"]);
});

await check("whose deals are whose is read for many at once", async () => {
  const read = await links.batchApi.getPage("contacts", "deals", { inputs: [{ id: ann }] });
  assert.deepEqual(read.results.map((one) => [one._from.id, one.to.map((to) => to.toObjectId)]), [[ann, [deal]]]);
});

await check("a task is found by its key, changed and read back", async () => {
  const read = await objects.tasks.batchApi.read({
    idProperty: "aftercall_key",
    inputs: [{ id: "t1" }],
    properties: ["hs_task_subject"],
    propertiesWithHistory: [],
  });
  const [task] = read.results;
  await objects.tasks.basicApi.update(task.id, { properties: { hs_task_status: "COMPLETED" } });
  const done = await objects.tasks.basicApi.getById(task.id, ["hs_task_status"]);
  assert.equal(done.properties.hs_task_status, "COMPLETED");
});

await check("an upsert creates once", async () => {
  const inputs = [{ id: "note-1", idProperty: "aftercall_key", properties: { hs_timestamp: "2026-11-22T16:00:00Z", hs_note_body: "x" } }];
  const first = await objects.notes.batchApi.upsert({ inputs });
  const second = await objects.notes.batchApi.upsert({ inputs });
  assert.deepEqual([first.results[0]._new, second.results[0]._new], [true, false]);
  assert.equal(first.results[0].id, second.results[0].id);
  const pairs = [{ _from: { id: first.results[0].id }, to: { id: ann } }];
  const linked = await links.batchApi.createDefault("notes", "contacts", { inputs: pairs });
  assert.ok(linked.results.some((one) => one.associationSpec.associationTypeId === 202));
});

await check("open deals of a contact are found through their association", async () => {
  await sleep(200);
  const page = await deals.searchApi.doSearch(
    filter(
      { propertyName: "associations.contact", operator: "EQ", value: ann },
      { propertyName: "hs_is_closed", operator: "EQ", value: "false" },
    ),
  );
  assert.deepEqual(page.results.map((one) => one.id), [deal]);
  const calls = await objects.calls.searchApi.doSearch({
    ...filter({ propertyName: "associations.contact", operator: "EQ", value: ann }),
    sorts: ["-hs_timestamp"].map((name) => ({ propertyName: name.slice(1), direction: "DESCENDING" })),
  });
  assert.equal(calls.total, 1);
});

await check("tickets, meetings, owners, properties and pipelines are there", async () => {
  const ticket = await tickets.basicApi.create({
    properties: { subject: "Leak", hs_pipeline: "0", hs_pipeline_stage: "1" },
    associations: [link(ann, 16)],
  });
  assert.ok(ticket.id);
  await objects.meetings.basicApi.create({
    properties: { hs_timestamp: "2026-11-24T16:00:00Z", hs_meeting_title: "Visit", hs_meeting_outcome: "SCHEDULED" },
    associations: [link(ann, 200)],
  });
  const owners = await hubspot.crm.owners.ownersApi.getPage("office.manager@acme.example");
  assert.deepEqual(owners.results.map((one) => one.id), ["7003"]);
  const property = await hubspot.crm.properties.coreApi.getByName("calls", "aftercall_key");
  assert.equal(property.hasUniqueValue, true);
  const pipelines = await hubspot.crm.pipelines.pipelinesApi.getAll("deals");
  assert.equal(pipelines.results[0].stages.at(-1).metadata.isClosed, "true");
});

await check("a merged contact answers under the survivor", async () => {
  const other = await contacts.basicApi.create({ properties: { email: "ann@home.example" }, associations: [] });
  await contacts.basicApi.merge({ primaryObjectId: ann, objectIdToMerge: other.id });
  assert.equal((await contacts.basicApi.getById(other.id)).id, ann);
  assert.equal((await contacts.basicApi.getById("ann@home.example", undefined, undefined, undefined, false, "email")).id, ann);
});

await check("an access token is refreshed after it has ended", async () => {
  const refresh = (token) =>
    hubspot.oauth.tokensApi.create("refresh_token", undefined, undefined, "sandbox-client", "sandbox-secret", token);
  const token = await refresh("sandbox-refresh");
  assert.equal(token.expiresIn, 1800);
  const oauth = new Client({ accessToken: "stale", basePath: origin, numberOfApiCallRetries: 0 });
  assert.equal((await refused(oauth.crm.contacts.basicApi.getPage(1), 401)).category, "INVALID_AUTHENTICATION");
  oauth.setAccessToken(token.accessToken);
  assert.equal((await oauth.crm.contacts.basicApi.getPage(1)).results.length, 1);
  assert.equal((await refused(refresh("other"), 400)).status, "BAD_REFRESH_TOKEN");
});

await check("an archived record is gone, and so is its claim", async () => {
  await contacts.basicApi.archive(ann);
  await refused(contacts.basicApi.getById(ann), 404);
  await contacts.basicApi.create({ properties: { email: "ann@example.com" }, associations: [] });
});
