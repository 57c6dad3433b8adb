// The pages in headless Chromium: what somebody sees, types and clicks. Prints `ok - NAME` or `not ok - NAME` per check, and goes on.
// Usage: node pages.mjs AFTERCALL [--screenshots FOLDER]. The second takes the pictures of the README instead.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";
import { Desk, PASSWORD, day, eventually } from "./desk.mjs";

const [binary, what, folder] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node pages.mjs AFTERCALL [--screenshots FOLDER]");
  process.exit(2);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { width: 360, height: 740 };
const ALL = "/calls?day=all";
const call = (id) => `/calls/json%3A${id}`;

const desk = await Desk.open(resolve(binary)).catch((error) => { console.error(`not ok - the desk opens\n${error}`); process.exit(1); });
process.on("exit", () => desk.close());
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

// Root has no sandbox of the browser's own; what is shown is ours.
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });

// What a page complains about: errors, exceptions, and what its own policy forbids (which the browser reports as an error).
const complaints = [];
const contexts = [];

/** A browser of somebody's own. */
const visitor = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  contexts.push(context);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  // The status of a page that is refused on purpose is no complaint.
  page.on("console", (said) => {
    if (said.type() === "error" && !/status of 40[1349]/.test(said.text())) complaints.push(`${page.url()}: ${said.text()}`);
  });
  page.on("request", (asked) => { if (!asked.url().startsWith(desk.address)) complaints.push(`${page.url()} asks ${asked.url()}`); });
  page.go = async (path) => { await page.goto(desk.address + path); return page; };
  page.text = () => page.locator("main").innerText();
  return page;
};

let failures = 0;
const check = async (name, run) => {
  const from = complaints.length;
  try {
    await run();
    assert.deepEqual(complaints.slice(from), [], "what the page complains about");
    console.log(`ok - ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`not ok - ${name}`);
    console.log(String(error.stack ?? error).split("\n").slice(0, 14).map((line) => `#   ${line}`).join("\n"));
  }
  for (const context of contexts.splice(0)) await context.close();
};

const callers = (page) => page.locator("table.calls tbody th").allInnerTexts();

const focused = (page) => page.evaluate(() => document.activeElement?.closest("[data-line]")?.id ?? document.activeElement?.tagName);

/** What axe finds that keeps somebody from using a page. */
const barriers = async (page) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  return grave.map((one) => `${page.url()}: ${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
};

/** A page has no grave finding in either colour scheme. */
const usable = async (name, path, as = async () => {}) => {
  for (const colorScheme of ["light", "dark"]) {
    await check(`axe has nothing grave to say of ${name}, ${colorScheme}`, async () => {
      const page = await visitor({ colorScheme });
      await as(page);
      await page.go(path);
      // The scheme is really another one.
      const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(paper === "rgb(255, 255, 255)", colorScheme === "light", paper);
      await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
      assert.deepEqual(await barriers(page), []);
    });
  }
};

/** A page on a phone does not move sideways, opened as far as it opens. */
const narrow = (name, path, as = async () => {}) =>
  check(`${name} fits a phone`, async () => {
    const page = await visitor({ viewport: PHONE });
    await as(page);
    await page.go(path);
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
    const wide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll(".wide")].filter((one) => one.scrollWidth > one.clientWidth).map((one) => `${one.tagName} ${one.scrollWidth}`));
    assert.deepEqual(wide, []);
  });

const as = (name) => async (page) => {
  await page.go("/sign-in");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/calls**");
};

const pictures = async () => {
  mkdirSync(folder, { recursive: true });
  for (const [name, path, colorScheme, top] of [["calls", "/calls?day=today", "light", null], ["call", call("priya"), "dark", "h2:has(+ p > .state)"]]) {
    const page = await visitor({ colorScheme, viewport: { width: 1200, height: 860 } });
    await page.go(path);
    if (top) await page.evaluate((top) => scrollTo(0, document.querySelector(top).getBoundingClientRect().top - 60), top);
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 82 });
    writeFileSync(join(folder, `${name}.webp`), Buffer.from(data, "base64"));
  }
};

await desk.fill();
if (what === "--screenshots") {
  await pictures();
  process.exit(0);
}

// ---- Calls

await check("Calls: what is open stands on top, and leads there", async () => {
  const page = await (await visitor()).go(ALL);
  assert.match(await page.locator("#summary .gap").innerText(), /^7 of 62 delivered are open: 1 waiting, 4 given up, 1 landed in part, 1 in review$/);
  await page.getByRole("link", { name: "4 given up" }).click();
  assert.equal(await page.getByRole("combobox", { name: "Status" }).inputValue(), "dead");
  assert.equal((await callers(page)).length, 4);
});

await check("Calls: filters narrow the list", async () => {
  const page = await (await visitor()).go(ALL);
  for (const [label, word, expected] of [["Status", "review", /^Zelda Whitfield/], ["Status", "waiting", /^Lena Fischer/], ["Match", "ambiguous", /^Zelda Whitfield/]]) {
    await page.go(ALL);
    await page.getByRole("combobox", { name: label }).selectOption(word);
    await page.getByRole("button", { name: "Show" }).click();
    const found = await callers(page);
    assert.ok(found.length === 1 && expected.test(found[0]), `${label} ${word}: ${found}`);
  }
  await page.go(ALL);
  await page.getByRole("combobox", { name: "Connection" }).selectOption("calendar");
  await page.getByRole("button", { name: "Show" }).click();
  assert.deepEqual((await callers(page)).map((who) => who.split(/\s\+/)[0]), ["Omar Reyes", "Priya Raman", "Nora Whitfield"]);
  // Nothing was delivered yesterday, which is what is asked for by nothing.
  await page.go("/calls");
  assert.match(await page.text(), /No call fits/);
  await page.getByRole("link", { name: "Look in all of the time" }).click();
  assert.equal((await callers(page)).length, 50);
});

await check("Calls: free text finds a name, a number in any spelling, an address, a call", async () => {
  const page = await (await visitor()).go(ALL);
  for (const [q, expected] of [["olson", "Theo Olson"], ["(512) 555-9001", "Tess Newman"], ["grace.okonkwo@example.com", "Grace Okonkwo"], ["json:dead-3", "Amir Haddad"]]) {
    await page.getByRole("searchbox").fill(q);
    await page.getByRole("searchbox").press("Enter");
    await page.waitForURL((url) => url.searchParams.get("q") === q);
    const found = await callers(page);
    assert.ok(found.length === 1 && found[0].startsWith(expected), `${q}: ${found}`);
  }
});

await check("Calls: pages lead through all of them, each once", async () => {
  const page = await (await visitor()).go(ALL);
  const ids = async () => page.locator("table.calls tbody td:first-child a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  const first = await ids();
  await page.getByRole("link", { name: "Older" }).click();
  const second = await ids();
  assert.deepEqual([first.length, second.length, new Set([...first, ...second]).size], [50, 12, 62]);
  assert.equal(await page.getByRole("link", { name: "Older" }).count(), 0);
  await page.getByRole("link", { name: "Newest" }).click();
  assert.deepEqual(await ids(), first);
});

await check("Calls: what a caller is called is text, and stays in its place", async () => {
  const page = await (await visitor()).go(ALL);
  const text = await page.text();
  assert.ok(text.includes("<script>window.caught = 1</script>") && !/[\u202a-\u202e]/.test(text), text.slice(0, 2000));
  await page.go(call("script"));
  assert.ok((await page.text()).includes('"><img src=x onerror="window.caught = 2">'));
  assert.equal(await page.evaluate(() => window.caught), undefined);
  assert.equal(await page.locator("main img, main script").count(), 0);
});

await check("Calls: records are links into the CRM, opened beside the page", async () => {
  const page = await (await visitor()).go(`${ALL}&q=tess`);
  const link = page.locator("table.calls .records a").first();
  assert.match(await link.getAttribute("href"), new RegExp(`^${desk.crm}/lightning/r/Contact/`));
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
});

await check("Calls: a call that arrives appears, and what somebody types stays, with its focus", async () => {
  const page = await (await visitor()).go(ALL);
  const search = page.getByRole("searchbox");
  const told = page.waitForResponse((answer) => answer.url().endsWith("/events"));
  await search.click();
  await told;
  await search.pressSequentially("Zel");
  await desk.deliver("live-1", { phone: "+15125559201", name: "Lara Quinn" });
  await page.locator("table.calls th", { hasText: "Lara Quinn" }).waitFor();
  await search.pressSequentially("da");
  assert.equal(await search.inputValue(), "Zelda");
  assert.equal(await search.evaluate((input) => input === document.activeElement), true);
  await page.locator("#summary", { hasText: "7 of 63" }).waitFor();
});

await check("Calls: a call that arrives leaves the focus on the line where it is", async () => {
  const page = await (await visitor()).go(ALL);
  for (const key of ["j", "j", "j"]) await page.keyboard.press(key);
  const line = await focused(page);
  assert.match(line, /^call-\d+$/);
  await desk.deliver("live-2", { phone: "+15125559202", name: "Milo Brandt" });
  await page.locator("table.calls tr", { hasText: "Milo Brandt" }).filter({ hasText: "landed" }).waitFor();
  assert.equal(await focused(page), line);
});

await check("Calls: keys search, move, open and help", async () => {
  const page = await (await visitor()).go(ALL);
  const lines = await page.locator("table.calls [data-line]").evaluateAll((lines) => lines.map((line) => line.id));
  await page.keyboard.press("j");
  assert.equal(await focused(page), lines[0]);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await focused(page), lines[2]);
  await page.keyboard.press("k");
  assert.equal(await focused(page), lines[1]);
  await page.keyboard.press("/");
  assert.equal(await page.getByRole("searchbox").evaluate((input) => input === document.activeElement), true);
  await page.keyboard.type("j?");
  assert.equal(await page.getByRole("searchbox").inputValue(), "j?", "keys are letters where somebody types");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  assert.ok(await page.getByRole("dialog", { name: "Keys" }).isVisible());
  assert.deepEqual(await barriers(page), []);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.keyboard.press("j");
  const to = await page.evaluate(() => document.activeElement.getAttribute("href"));
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${to}`);
});

await check("the first key of a page leads past the header", async () => {
  const page = await (await visitor()).go(ALL);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "To the content" });
  assert.ok(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().left >= 0));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
});

// ---- Call

await check("Call: evidence, fields with policy, receipt and line, and what happened", async () => {
  const page = await (await visitor()).go(call("priya"));
  const heads = await page.locator("main h2").allInnerTexts();
  for (const head of ["As received", "Who called", "Writes", "What happened"]) assert.ok(heads.includes(head), heads.join());
  const evidence = await page.locator("details[open] table").first().innerText();
  assert.match(evidence, /number/);
  assert.match(evidence, /\+\d+\.\d/);
  const contact = page.getByRole("region", { name: "Write contact" });
  const fields = await contact.locator("thead th").allInnerTexts();
  assert.deepEqual(fields, ["Field", "Before", "After", "Policy", "Receipt", "Asked by"]);
  const row = await contact.locator("tr", { hasText: "Description" }).innerText();
  assert.match(row, /append\s+● landed\s+mappings\/acme\/contact\.toml:\d+/);
  assert.match(await page.text(), /captured\.insurance\s+Blue Shield/);
  // It has landed: there is nothing to do about it.
  assert.equal(await page.locator("main form").count(), 0);
});

await check("Call: a question to a person is shown once", async () => {
  const page = await (await visitor()).go(call("household"));
  assert.equal((await page.text()).split("Is the caller (Zelda Whitfield").length - 1, 1);
});

await check("Call: what somebody types as a reason stays while the call changes", async () => {
  const page = await (await visitor()).go(call("dead-4"));
  const reason = page.getByLabel("Why it needs no more work");
  await reason.fill("She has found");
  const other = await (await visitor()).go(call("dead-4"));
  await desk.requires(true);
  const before = await page.locator("#events tbody tr").count();
  await other.getByRole("button", { name: "Retry", exact: true }).click();
  await page.waitForFunction((before) => document.querySelectorAll("#events tbody tr").length > before, before);
  await reason.pressSequentially(" another dentist");
  assert.equal(await reason.inputValue(), "She has found another dentist");
  await desk.settled("json:waits");
  await desk.requires(false);
});

await check("Call: a retry by the button lands it, once", async () => {
  const page = await (await visitor()).go(call("dead-1"));
  assert.match(await page.text(), /What a retry would do[\s\S]*Sent again: contact/);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.locator("[role=status]", { hasText: "It is worked again" }).waitFor();
  // The page learns of it by itself.
  await page.locator("#head .state", { hasText: "landed" }).waitFor();
  await page.locator("main form").first().waitFor({ state: "detached" });
  assert.equal((await desk.rows("Contact")).filter((row) => row.LastName === "Carter").length, 1);
  assert.equal((await desk.rows("Task")).filter((row) => row.CallObject === "dead-1").length, 1);
  await page.goBack();
  const stale = page.getByRole("button", { name: "Retry", exact: true });
  if (await stale.count()) {
    await stale.click();
    assert.match(await page.text(), /nothing was done/);
  }
  await desk.settled("json:waits");
  assert.equal((await desk.rows("Contact")).filter((row) => row.LastName === "Carter").length, 1);
});

await check("Call: it is resolved with a reason, and not without", async () => {
  const page = await (await visitor()).go(call("dead-2"));
  const resolve = page.getByRole("button", { name: "Resolve" });
  await resolve.click();
  assert.equal(await page.getByLabel("Why it needs no more work").evaluate((input) => input.validity.valueMissing), true);
  assert.equal(new URL(page.url()).search, "", "nothing was sent");
  await page.getByLabel("Why it needs no more work").fill("Is a patient of the branch");
  await resolve.click();
  await page.locator("[role=status]", { hasText: "It is resolved" }).waitFor();
  assert.match(await page.locator("#head").innerText(), /resolved/);
  assert.match(await page.locator("#events").innerText(), /Is a patient of the branch/);
});

await check("Call: re-plan shows the difference first, and then does it", async () => {
  const version = (text) => text.match(/Config version\s+(\S+)/)[1];
  const page = await (await visitor()).go(call("dead-3"));
  const old = version(await page.text());
  desk.describe();
  desk.edit("mappings/acme/contact.toml", (text) => text.replace("[fields]\n", '[fields]\nInsurance__c = { value = "unknown", policy = "fill" }\n'));
  await eventually("the service takes the config over", async () => {
    await page.go(call("dead-3"));
    return page.getByRole("link", { name: "Re-plan under the current version" }).count();
  });
  await page.getByRole("link", { name: "Re-plan under the current version" }).click();
  const difference = await page.getByRole("row", { name: /Insurance__c/ }).innerText();
  assert.match(difference, /unknown[\s\S]*mappings\/acme\/contact\.toml:\d+/);
  assert.equal((await desk.rows("Contact")).filter((row) => row.LastName === "Haddad").length, 0, "looking does nothing");
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("button", { name: "Work it so" }).click();
  await page.locator("#head .state", { hasText: "landed" }).waitFor();
  assert.notEqual(version(await page.text()), old);
  const made = (await desk.rows("Contact")).filter((row) => row.LastName === "Haddad");
  assert.deepEqual(made.map((row) => row.Insurance__c), ["unknown"]);
});

// ---- Reviews, Connections, Config

await check("Reviews: making one of two records asks once more, also without script", async () => {
  const page = await (await visitor({ javaScriptEnabled: false })).go("/reviews");
  const button = page.getByRole("button", { name: "Make one of the two records" }).first();
  assert.equal(await button.isVisible(), false);
  await page.locator("summary", { hasText: "the new record is the same person" }).first().click();
  assert.ok(await button.isVisible());
  assert.match(await page.text(), /That cannot be undone here/);
});

await check("Connections: answers and errors over time, drawn and as numbers, and what is open stays open", async () => {
  const page = await (await visitor()).go("/connections");
  const crm = page.getByRole("region", { name: "crm", exact: true });
  const drawing = crm.getByRole("img", { name: /^How long answers of crm took\. Lately half within \d+/ });
  const box = await drawing.boundingBox();
  assert.ok(box.width > 200 && box.height > 50, JSON.stringify(box));
  assert.match(await drawing.locator("path.p99").getAttribute("d"), /^M\d+ [\d.]+H\d+/);
  assert.match(await crm.innerText(), /invalid \d+/);
  await crm.locator("summary").click();
  await page.evaluate(() => { document.getElementById("courses").dataset.before = "yes"; });
  await desk.deliver("live-3", { phone: "+15125559203", name: "Ada Winter" });
  await page.locator("#courses:not([data-before])").waitFor();
  assert.ok(await crm.getByRole("columnheader", { name: "99 of 100" }).isVisible(), "what was opened stays open");
  await page.getByRole("link", { name: "Last 24 hours" }).click();
  assert.match(await page.text(), /by the half hour/);
});

await check("Config: two versions are held against each other, line by line and over the calls of a day", async () => {
  const page = await (await visitor()).go("/config");
  await page.getByRole("button", { name: "What differs" }).click();
  assert.match(await page.text(), /contact\.toml[\s\S]*\+ Insurance__c = /);
  assert.equal(await page.locator("pre.diff ins").count(), 1);
  await page.getByLabel("Calls of").fill(day(0));
  await page.getByRole("button", { name: "The effect on these calls" }).click();
  assert.match(await page.text(), /\d+ of \d+ calls change[\s\S]*Nothing was read and nothing was written/);
  assert.match(await page.getByRole("row", { name: /Insurance__c/ }).first().innerText(), /unknown/);
  assert.deepEqual(await barriers(page), []);
});

// ---- Reconciliation

await check("Reconciliation: what never came is listed and fetched, without loading the page again", async () => {
  await desk.listed("call_lost_1", "call_lost_2");
  const page = await (await visitor()).go("/reconciliation");
  const platform = page.getByRole("region", { name: /retell/ });
  await platform.getByRole("button", { name: "Look now" }).click();
  await platform.getByText("2 calls never came").waitFor();
  await platform.getByText("Which ones").click();
  assert.match(await platform.innerText(), /call_lost_1[\s\S]*call_lost_2/);
  assert.deepEqual(await barriers(page), []);
  const above = await (await visitor()).go(ALL);
  assert.match(await above.text(), /2 calls of the platforms' own lists never came/);
  await platform.getByRole("button", { name: "Fetch these 2 calls" }).click();
  await platform.getByText("never came").waitFor({ state: "detached" });
  const row = page.locator("#days tbody tr", { hasText: "retell" }).first();
  await row.locator("td", { hasText: /^2$/ }).first().waitFor();
  await row.locator("th a").click();
  assert.equal((await callers(page)).length, 2);
});

await check("Reconciliation: days lead to their calls, values to their lines", async () => {
  const page = await (await visitor()).go("/reconciliation");
  const heads = await page.locator("#days thead th").allInnerTexts();
  assert.deepEqual(heads.slice(0, 6), ["Day", "Source", "Platform had", "Never came", "Fetched", "Received"]);
  const language = await page.locator("table.coverage tr", { hasText: "captured.language" }).first().innerText();
  assert.match(language, /contact\.Preferred_Language__c mappings\/acme\/contact\.toml:\d+/);
  const insurance = page.locator("table.coverage tr", { hasText: "captured.insurance" }).first();
  await insurance.getByText("Give it a field").click();
  assert.match(await insurance.innerText(), /pipelines\/front-desk\.toml[\s\S]*\{\{captured\.insurance\}\}/);
  await page.locator("#days tbody tr").first().locator("th a").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/calls?**");
});

// ---- Trail

await check("Trail: who wrote what, and what people did", async () => {
  const page = await (await visitor()).go("/audit");
  await page.getByLabel("Person or token").fill("local");
  await page.getByRole("button", { name: "Show" }).click();
  assert.match(await page.text(), /resolve[\s\S]*json:dead-2[\s\S]*Is a patient of the branch/);
  await page.go("/audit");
  await page.getByLabel("Call", { exact: true }).fill("json:priya");
  await page.getByLabel("Field").fill("Description");
  await page.getByRole("button", { name: "Show" }).click();
  assert.match(await page.locator("tbody").innerText(), /front-desk pipeline[\s\S]*nothing[\s\S]*Wants a cleaning/);
  await page.getByRole("link", { name: "json:priya" }).first().click();
  assert.match(await page.locator("h1").innerText(), /Priya Raman/);
});

// ---- without script, on a phone, by whoever reads otherwise

await check("without script: filter, read, and act", async () => {
  const page = await (await visitor({ javaScriptEnabled: false })).go(ALL);
  await page.getByRole("combobox", { name: "Status" }).selectOption("partial");
  await page.getByRole("button", { name: "Show" }).click();
  assert.equal((await callers(page)).length, 1);
  await page.locator("table.calls tbody a").first().click();
  assert.match(await page.text(), /What a retry would do[\s\S]*Required fields are missing/);
  await page.getByLabel("Why it needs no more work").fill("Entered by hand");
  await page.getByRole("button", { name: "Resolve" }).click();
  assert.match(await page.text(), /It is resolved/);
});

const pages = [["Calls", ALL], ["a call", call("priya")], ["a call that gave up", call("dead-4")], ["a call in review", call("household")], ["re-plan", `${call("dead-4")}/replan`], ["Trail", "/audit"], ["Dead letters", "/dead"], ["Reviews", "/reviews"], ["Reconciliation", "/reconciliation"], ["Connections", "/connections"], ["Connections over a day", "/connections?over=day"], ["Config", "/config"], ["People", "/people"], ["a page that is not there", "/calls/nobody"]];
for (const [name, path] of pages) await usable(name, path);
for (const [name, path] of [...pages, ["a hostile name", call("script")], ["a long name", call("long")]]) await narrow(name, path);

// ---- users

desk.user("olga", "operator");
desk.user("vera", "viewer");

await check("sign in: to where one wanted to go, and out again", async () => {
  const page = await (await visitor()).go("/calls?day=all&status=review");
  assert.match(page.url(), /\/sign-in\?next=/);
  assert.equal(await page.evaluate(() => document.activeElement.name), "name");
  await page.getByLabel("Name", { exact: true }).fill("olga");
  await page.getByLabel("Password").fill("not this one, no");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  assert.match(await page.getByRole("alert").innerText(), /the name or the password is not right/);
  assert.deepEqual(await barriers(page), []);
  await page.getByLabel("Name", { exact: true }).fill("olga");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/calls?day=all&status=review");
  assert.match(await page.locator(".who").innerText(), /olga operator/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in**");
  await page.go(ALL);
  assert.match(page.url(), /\/sign-in\?next=/);
});

await check("an operator sees all of a call, and may act", async () => {
  const page = await visitor();
  await as("olga")(page);
  await page.go(call("dead-4"));
  assert.match(await page.text(), /\+15125559103/);
  assert.equal(await page.getByRole("button", { name: "Retry", exact: true }).count(), 1);
});

await check("a viewer sees masked values and no buttons", async () => {
  const page = await visitor();
  await as("vera")(page);
  for (const path of [ALL, call("dead-4"), call("priya"), call("household")]) {
    await page.go(path);
    const text = await page.content();
    assert.doesNotMatch(text, /\+?1?512555\d{4}|Blue Shield|grace\.okonkwo@/, path);
    assert.match(await page.text(), /\*\*\*/, path);
    assert.equal(await page.locator("main form[method=post], main a[href*=replan], main a[href*=payloads]").count(), 0, path);
  }
  assert.equal(await page.getByRole("link", { name: "Trail" }).count(), 0);
  for (const path of ["/audit", `${call("dead-4")}/replan`]) {
    await page.go(path);
    assert.match(await page.text(), /Forbidden/, path);
  }
});

await check("Dead letters: equal failures are one, and all of a kind are planned anew after a look", async () => {
  const wants = (required) => desk.control(desk.crm, "configure", { custom_fields: { Contact: [
    { name: "Insurance__c", type: "string", length: 40 }, { name: "Referral__c", type: "string", length: 40, required }] } });
  await wants(true);
  // What was fetched from the platform waits for the calendar as well.
  const waits = ["json:waits", "retell:call_lost_1", "retell:call_lost_2"];
  const ids = [1, 2, 3, 4, 5, 6].map((n) => `many-${n}`);
  for (const [n, id] of ids.entries()) await desk.deliver(id, { phone: `+1512555930${n}`, name: `Mira Sand${n}` }, { summary: "Wants to be a patient." });
  const before = await desk.settled(...waits);
  for (const id of ids) assert.equal(before[`json:${id}`], "dead");
  await wants(false);
  const page = await visitor();
  await as("olga")(page);
  await page.go("/dead");
  const group = page.getByRole("region", { name: /^invalid/ });
  assert.match(await group.innerText(), /Asked for by \S+:\d+/);
  const rest = group.locator("details").first();
  await rest.locator("summary").click();
  assert.ok(await rest.getByRole("link").first().isVisible());
  assert.deepEqual(await barriers(page), []);
  await group.getByRole("link", { name: "Re-plan under the current version" }).click();
  assert.match(await page.text(), /calls? would be worked otherwise/);
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("button", { name: /^Work \d+ calls so$/ }).click();
  await page.locator("[role=status]", { hasText: "in hand now" }).waitFor();
  const status = await desk.settled(...waits);
  for (const id of ids) assert.equal(status[`json:${id}`], "landed");
  assert.equal((await desk.rows("Contact")).filter((row) => /^Sand/.test(row.LastName)).length, 6);
});

await check("People: an admin lets somebody in, and cannot lock everybody out", async () => {
  desk.user("ada", "admin");
  const page = await visitor();
  await as("ada")(page);
  await page.getByRole("link", { name: "People" }).click();
  const fresh = page.locator("form[action='/people/add']");
  await fresh.getByLabel("Name").fill("nils");
  await fresh.getByLabel("Role").selectOption("operator");
  await fresh.getByLabel("Password").fill(PASSWORD);
  await fresh.getByRole("button", { name: "Add" }).click();
  await page.locator("[role=status]", { hasText: "They may sign in" }).waitFor();
  const nils = await visitor();
  await as("nils")(nils);
  assert.match(await nils.locator(".who").innerText(), /nils operator/);
  await page.getByRole("button", { name: "Keep out nils" }).click();
  await page.locator("[role=status]", { hasText: "kept out" }).waitFor();
  await nils.go("/calls");
  assert.match(nils.url(), /sign-in/);
  await page.getByRole("button", { name: "Keep out ada" }).click();
  assert.match(await page.text(), /`ada` is the only admin who is not kept out/);
  await page.go("/people");
  assert.deepEqual(await barriers(page), []);
  const token = page.locator("form[action='/people/tokens/add']");
  await token.getByLabel("Name of the new token").fill("wall");
  await token.getByRole("button", { name: "Make a token" }).click();
  assert.match(await page.locator("[role=status]").innerText(), /aftercall_\S{43}/);
});

await usable("People with users", "/people", as("ada"));
await narrow("People with users", "/people", as("ada"));
await usable("signing in", "/sign-in");
await narrow("signing in", "/sign-in");
await usable("Calls of a viewer", ALL, as("vera"));
await narrow("Calls of an operator", ALL, as("olga"));

await browser.close();
process.exit(failures ? 1 : 0);
