// Drives the Salesforce stand-in with the vendor's community client, to show that it behaves as clients expect.
// Usage: node salesforce.mjs ORIGIN. Prints `ok - NAME` per check and stops at the first that fails.
import assert from "node:assert/strict";
import jsforce from "jsforce";

const origin = process.argv[2];
if (!origin) {
  console.error("usage: node salesforce.mjs ORIGIN");
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

await control("reset");
const oauth2 = new jsforce.OAuth2({
  loginUrl: origin,
  clientId: "sandbox-client",
  clientSecret: "sandbox-secret",
  redirectUri: "http://127.0.0.1/callback",
});
const token = await oauth2.refreshToken("sandbox-refresh");
const org = new jsforce.Connection({
  oauth2,
  version: "67.0",
  instanceUrl: token.instance_url,
  accessToken: token.access_token,
  refreshToken: "sandbox-refresh",
});
const data = "/services/data/v67.0";
let contact;
let task;

await check("log in with a refresh token", async () => {
  assert.equal(token.token_type, "Bearer");
  assert.equal(token.instance_url, origin);
  assert.equal(token.expires_in, undefined);
  const me = await org.identity();
  assert.equal(me.username, "ana@acme.example");
});

await check("create a contact", async () => {
  const result = await org.sobject("Contact").create({
    FirstName: "Dana",
    LastName: "O'Brien",
    MobilePhone: "(312) 555-0142",
    Email: "dana@example.com",
    Caller_Key__c: "13125550142",
  });
  assert.equal(result.success, true);
  assert.match(result.id, /^003\w{15}$/);
  contact = result.id;
});

await check("a missing field is refused", async () => {
  await assert.rejects(
    org.sobject("Contact").create({ FirstName: "Dana" }),
    (error) => error.errorCode === "REQUIRED_FIELD_MISSING" && error.message.includes("LastName"),
  );
});

await check("find by SOQL", async () => {
  const result = await org.query(
    "SELECT Id, Name, Account.Name, Owner.Email, (SELECT Id FROM Tasks) FROM Contact" +
      " WHERE MobilePhone IN ('+13125550142', '(312) 555-0142') OR Email = 'DANA@example.com'",
  );
  assert.equal(result.totalSize, 1);
  assert.equal(result.done, true);
  assert.equal(result.records[0].Id, contact);
  assert.equal(result.records[0].Name, "Dana O'Brien");
  assert.equal(result.records[0].Account, null);
  assert.equal(result.records[0].Owner.Email, "ana@acme.example");
  assert.equal(result.records[0].Tasks, null);
  const found = await org.sobject("Contact").find({ LastName: "O'Brien" }, ["Id", "Phone"]).limit(5).execute();
  assert.equal(found.length, 1);
});

await check("update", async () => {
  const result = await org.sobject("Contact").update({ Id: contact, Title: "Owner", DoNotCall: true });
  assert.equal(result.success, true);
});

await check("upsert by external id: create, then update", async () => {
  const log = { Call_Key__c: "call_1-log", WhoId: contact, Subject: "Call: booked", Status: "Completed", TaskSubtype: "Call" };
  const created = await org.sobject("Task").upsert({ ...log, CallDurationInSeconds: 184 }, "Call_Key__c");
  assert.equal(created.success, true);
  assert.equal(created.created, true);
  task = created.id;
  const updated = await org.sobject("Task").upsert({ Call_Key__c: "call_1-log", Description: "Longer" }, "Call_Key__c");
  assert.equal(updated.created, false);
  assert.equal(updated.id, task);
});

await check("read back contact and task", async () => {
  const person = await org.sobject("Contact").retrieve(contact);
  assert.equal(person.Title, "Owner");
  assert.equal(person.DoNotCall, true);
  assert.equal(person.MobilePhone, "(312) 555-0142");
  assert.equal(person.attributes.type, "Contact");
  const log = await org.sobject("Task").retrieve(task);
  assert.equal(log.WhoId, contact);
  assert.equal(log.Description, "Longer");
  assert.equal(log.IsClosed, true);
  assert.match(log.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
});

await check("describe", async () => {
  const described = await org.sobject("Contact").describe();
  const field = (name) => described.fields.find((field) => field.name === name);
  assert.equal(described.keyPrefix, "003");
  assert.equal(field("LastName").nillable, false);
  assert.equal(field("Caller_Key__c").externalId, true);
  assert.equal(field("Caller_Key__c").unique, true);
  assert.deepEqual(field("Preferred_Language__c").picklistValues.map((value) => value.value), ["English", "Spanish", "French"]);
  const all = await org.describeGlobal();
  assert.ok(all.sobjects.some((object) => object.name === "OpportunityContactRole"));
});

await check("collections: create several, one bad", async () => {
  const results = await org.sobject("Lead").create([{ LastName: "Lee", Company: "Lee Ltd" }, { LastName: "NoCompany" }]);
  assert.deepEqual(results.map((result) => result.success), [true, false]);
  assert.equal(results[1].errors[0].statusCode ?? results[1].errors[0].errorCode, "REQUIRED_FIELD_MISSING");
});

await check("collections: upsert and update several, each with its own result", async () => {
  const log = (key, more) => ({ Call_Key__c: key, Subject: key, Status: "Completed", TaskSubtype: "Call", ...more });
  const upserted = await org.sobject("Task").upsert([log("many-1", { WhoId: contact }), log("many-2", { WhoId: "003000000000009AAA" })], "Call_Key__c");
  assert.deepEqual(upserted.map((result) => result.success), [true, false]);
  assert.equal(upserted[0].created, true);
  const updated = await org.sobject("Task").update([{ Id: upserted[0].id, Priority: "High" }, { Id: "00T000000000009AAA", Priority: "High" }]);
  assert.deepEqual(updated.map((result) => result.success), [true, false]);
  assert.equal((await org.sobject("Task").retrieve(upserted[0].id)).Priority, "High");
});

await check("composite with several queries", async () => {
  const query = (at, where) => ({ method: "GET", url: `${data}/query?q=SELECT+Id+FROM+Contact+WHERE+${where}`, referenceId: `find${at}` });
  const queries = [query(0, "Caller_Key__c='13125550142'"), query(1, "Caller_Key__c='nobody'"), query(2, "Nothing__c='x'")];
  const answer = await org.requestPost(`${data}/composite`, { allOrNone: false, collateSubrequests: false, compositeRequest: queries });
  const [one, none, wrong] = answer.compositeResponse;
  assert.deepEqual([one.body.records.map((record) => record.Id), none.body.records, wrong.httpStatusCode], [[contact], [], 400]);
  const six = Array.from({ length: 6 }, (_, at) => query(at, "Caller_Key__c='x'"));
  await assert.rejects(org.requestPost(`${data}/composite`, { allOrNone: false, compositeRequest: six }));
});

await check("composite with references", async () => {
  const answer = await org.requestPost(`${data}/composite`, {
    allOrNone: true,
    compositeRequest: [
      { method: "GET", url: `${data}/query/?q=SELECT+Id+FROM+Contact+WHERE+Caller_Key__c='13125550142'`, referenceId: "who" },
      {
        method: "POST",
        url: `${data}/sobjects/Event`,
        referenceId: "visit",
        body: { WhoId: "@{who.records[0].Id}", Subject: "Cleaning", StartDateTime: "2026-11-24T15:00:00Z", DurationInMinutes: 30 },
      },
      { method: "GET", url: `${data}/sobjects/Event/@{visit.id}?fields=WhoId,EndDateTime`, referenceId: "read" },
    ],
  });
  const [, visit, read] = answer.compositeResponse;
  assert.equal(visit.httpStatusCode, 201);
  assert.equal(read.body.WhoId, contact);
  assert.equal(read.body.EndDateTime, "2026-11-24T15:30:00.000+0000");
});

await check("an expired token is refreshed by the client", async () => {
  await control("faults", { kind: "expire_token" });
  const before = org.accessToken;
  const result = await org.query("SELECT Id FROM Contact");
  assert.equal(result.totalSize, 1);
  assert.notEqual(org.accessToken, before);
});

await check("search finds once the index has caught up", async () => {
  const find = "FIND {3125550142} IN PHONE FIELDS RETURNING Contact(Id, Name)";
  assert.equal((await org.search(find)).searchRecords.length, 0);
  await control("configure", { index_lag_ms: 0 });
  assert.equal((await org.search(find)).searchRecords.length, 1);
});

await check("queries are paged", async () => {
  const people = Array.from({ length: 2100 }, (_, at) => ({ LastName: `Page ${at}` }));
  await control("load", { Contact: people });
  const first = await org.query("SELECT Id FROM Contact");
  assert.equal(first.totalSize, 2101);
  assert.equal(first.records.length, 2000);
  const rest = await org.queryMore(first.nextRecordsUrl);
  assert.equal(rest.records.length, 101);
  assert.equal(rest.done, true);
});

await check("delete", async () => {
  await org.sobject("Task").destroy(task);
  await assert.rejects(org.sobject("Task").retrieve(task), (error) => error.errorCode === "NOT_FOUND");
});
