// A front desk for the browser: a copy of examples/front-desk, connected to stand-ins of its own, with the service running and calls of every kind.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const example = fileURLToPath(new URL("../../examples/front-desk", import.meta.url));

/** What users of the tests sign in with. */
export const PASSWORD = "a sentence that nobody guesses";

const SECRETS = {
  SF_CLIENT_ID: "sandbox-client", SF_CLIENT_SECRET: "sandbox-secret", SF_REFRESH_TOKEN: "sandbox-refresh",
  GOOGLE_CLIENT_ID: "sandbox-client", GOOGLE_CLIENT_SECRET: "sandbox-secret", GOOGLE_REFRESH_TOKEN: "sandbox-refresh",
  VAPI_SECRET: "of-vapi", RETELL_SECRET: "of-retell", ELEVENLABS_SECRET: "of-elevenlabs", BLAND_SECRET: "of-bland", CALLS_TOKEN: "of-json", PLATFORM_KEY: "sandbox-key",
};

/** What is looked at until it is there; what does not come is a failure. */
export const eventually = async (what, look) => {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((soon) => setTimeout(soon, 100));
  }
};

/** A day of the office, so many days from today. */
export const day = (days) =>
  new Intl.DateTimeFormat("en-CA", { timeZone: "America/Chicago" }).format(new Date(Date.now() + days * 86_400_000));

/** Half an hour on the Tuesday after next, as the office's clocks show it. */
const slot = (hour) => {
  const date = [8, 9, 10, 11, 12, 13, 14].map((days) => day(days)).find((one) => new Date(`${one}T12:00:00Z`).getUTCDay() === 2);
  const at = (minute) => `${date}T${String(hour).padStart(2, "0")}:${minute}:00`;
  return { start: at("00"), end: at("30"), timezone: "America/Chicago", service: "Cleaning" };
};

export class Desk {
  #children = [];

  /** Starts everything. */
  static async open(binary) {
    const desk = new Desk();
    desk.binary = binary;
    desk.folder = mkdtempSync(join(tmpdir(), "aftercall-browser-"));
    const { addresses } = await desk.#start(["sandbox", "salesforce", "google-calendar", "retell", "--port", "0"]);
    desk.crm = addresses.salesforce;
    desk.calendar = addresses["google-calendar"];
    desk.platform = addresses.retell;
    cpSync(example, desk.folder, { recursive: true });
    desk.edit("aftercall.toml", (text) =>
      text.replaceAll('"env:', '"file:secrets/').replace("http://127.0.0.1:9001", desk.crm).replaceAll("http://127.0.0.1:9003", desk.calendar)
        .replace("[source.retell]\n", `[source.retell]\nlist_url = "${desk.platform}"\nauth = { token = "file:secrets/PLATFORM_KEY" }\n`));
    mkdirSync(join(desk.folder, "secrets"));
    for (const [name, value] of Object.entries(SECRETS)) writeFileSync(join(desk.folder, "secrets", name), value);
    await desk.control(desk.crm, "load", JSON.parse(readFileSync(join(example, "records.json"), "utf8")));
    desk.address = (await desk.#start(["run", "--listen", "127.0.0.1:0"])).listen;
    return desk;
  }

  /** A program of ours that says by its first line that it is ready. */
  #start(args) {
    const child = spawn(this.binary, args, { cwd: this.folder, env: {}, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    let said = "";
    child.stderr.on("data", (text) => { said = (said + text).slice(-4000); });
    return new Promise((ready, failed) => {
      createInterface(child.stdout).once("line", (line) => ready(JSON.parse(line)));
      child.once("exit", (code) => failed(new Error(`aftercall ${args[0]} ended with ${code}: ${said}`)));
    });
  }

  /** Ends everything and takes the folder away. */
  close() {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Changes a file of the project. */
  edit(path, change) {
    const file = join(this.folder, path);
    const before = readFileSync(file, "utf8");
    const after = change(before);
    if (before === after) throw new Error(`${path} was not changed`);
    writeFileSync(file, after);
  }

  /** A user, made by the command as a person would. */
  user(name, role) {
    const ran = spawnSync(this.binary, ["user", "add", name, "--role", role], { cwd: this.folder, env: {}, input: `${PASSWORD}\n` });
    if (ran.status !== 0) throw new Error(`user add: ${ran.stderr}`);
  }

  /** Takes the lock anew: what the CRM tells of its fields. */
  describe() {
    const ran = spawnSync(this.binary, ["describe", "crm"], { cwd: this.folder, env: {} });
    if (ran.status !== 0) throw new Error(`describe: ${ran.stdout}${ran.stderr}`);
  }

  async control(stand_in, path, body) {
    const answer = await fetch(`${stand_in}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(await answer.text());
  }

  /** The CRM's rows of an object. */
  async rows(object) {
    return (await (await fetch(`${this.crm}/_sandbox/records`)).json())[object] ?? [];
  }

  /** Whether the CRM wants a field of a new contact that no mapping fills. */
  requires(so) {
    return this.control(this.crm, "configure", { custom_fields: { Contact: [{ name: "Insurance__c", type: "string", length: 40, required: so }] } });
  }

  /** Puts calls on the platform's own list, which it never sends. */
  listed(...ids) {
    const { call } = JSON.parse(readFileSync(fileURLToPath(new URL("../fixtures/sources/retell/call_analyzed.json", import.meta.url)), "utf8"));
    const began = Date.now() - 40 * 60_000;
    const one = (call_id, n) => ({ ...call, call_id, from_number: `+1512555920${n}`, start_timestamp: began, end_timestamp: began + 95_000 });
    return this.control(this.platform, "load", { calls: ids.map(one) });
  }

  /** Delivers a call, as a voice platform would. */
  async deliver(id, caller, more = {}) {
    const call = { id, direction: "inbound", started_at: new Date(Date.now() - 300_000).toISOString(), duration_s: 120, outcome: "message", caller, ...more };
    const headers = { authorization: `Bearer ${SECRETS.CALLS_TOKEN}`, "content-type": "application/json" };
    const answer = await fetch(`${this.address}/v1/calls/json`, { method: "POST", headers, body: JSON.stringify(call) });
    if (answer.status !== 202) throw new Error(`${id}: ${answer.status} ${await answer.text()}`);
  }

  /** Each call's status, by its id, once none is worked any more but those that are named. */
  async settled(...waiting) {
    return eventually("no call is worked any more", async () => {
      const { stdout } = spawnSync(this.binary, ["calls", "--format", "json", "--limit", "1000"], { cwd: this.folder, env: {} });
      const status = Object.fromEntries(JSON.parse(stdout).calls.map((call) => [call.id, call.status]));
      const open = Object.keys(status).filter((id) => status[id] === "waiting" && !waiting.includes(id));
      return open.length === 0 && status;
    });
  }

  /** A day at the office: calls that landed, gave up, landed in part, ask a person, and wait; and names that are more than names. */
  async fill() {
    let minutes = 300;
    const at = () => ({ started_at: new Date(Date.now() - (minutes -= 13) * 60_000).toISOString() });
    const booked = (hour) => ({ outcome: "booked", summary: "Wants a cleaning before the holidays.", appointment: slot(hour), ...at() });
    // More than a page of them.
    for (let n = 1; n <= 45; n++) await this.deliver(`before-${n}`, { phone: "+15125550143", name: "Paul Whitfield" }, { started_at: new Date(Date.now() - 400 * 60_000).toISOString() });
    await this.deliver("nora", { phone: "+15125550142", name: "Nora Whitfield" }, booked(9));
    await this.deliver("grace", { phone: "+15125550188", name: "Grace Okonkwo", email: "grace.okonkwo@example.com" },
      { summary: "Asked for the price list.", follow_up: { reason: "Send the price list" }, ...at() });
    await this.deliver("dmitri", { phone: "+15125550135", name: "Dmitri Volkov" },
      { outcome: "complaint", summary: "The crown came off again; he wants to be called back today.", ...at() });
    await this.deliver("priya", { phone: "+15125550121", name: "Priya Raman" }, { ...booked(11), captured: { insurance: "Blue Shield", language: "en" } });
    await this.deliver("leonard", { phone: "+15125550190", name: "Leonard Bassett" }, { outcome: "answered", summary: "Asked when the office is open.", ...at() });
    await this.deliver("tess", { phone: "+15125559001", name: "Tess Newman", email: "tess@example.com" }, { summary: "New in town, asked for a first visit.", ...at() });
    await this.deliver("theo", { phone: "+15125559002", name: "Theo Olson" }, { outcome: "answered", ...at() });
    await this.deliver("script", { phone: "+15125559003", name: "<script>window.caught = 1</script>" },
      { summary: "\"><img src=x onerror=\"window.caught = 2\">", ...at() });
    await this.deliver("long", { phone: "+15125559004", name: "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwaren" }, at());
    await this.deliver("turned", { phone: "+15125559005", name: "Ann \u202eneddaM\u202c" }, at());
    await this.settled();
    await this.control(this.crm, "load", { Contact: [{ Id: "0035e0000000009AAA", FirstName: "Owen", LastName: "Whitfield", MobilePhone: "5125550142" }] });
    await this.deliver("household", { phone: "+15125550142", name: "Zelda Whitfield" }, { summary: "Asked to move the appointment.", ...at() });
    await this.settled();
    await this.requires(true);
    for (const [n, name] of ["Ines Carter", "Rosa Lindt", "Amir Haddad", "June Park"].entries()) {
      await this.deliver(`dead-${n + 1}`, { phone: `+1512555910${n}`, name }, { summary: "Wants to be a patient.", ...at() });
    }
    await this.deliver("part", { phone: "+15125559110", name: "Omar Reyes" }, booked(14));
    await this.settled();
    await this.requires(false);
    await this.control(this.calendar, "faults", { kind: "503" });
    await this.deliver("waits", { phone: "+15125559111", name: "Lena Fischer" }, booked(15));
    await eventually("a call waits for the calendar", async () =>
      (await (await fetch(`${this.address}/calls/json%3Awaits`)).text()).includes("appointment to be tried again"));
    const status = await this.settled("json:waits");
    const expected = { nora: "landed", script: "landed", household: "review", "dead-1": "dead", part: "partial", waits: "waiting" };
    for (const [id, word] of Object.entries(expected)) {
      if (status[`json:${id}`] !== word) throw new Error(`${id} is ${status[`json:${id}`]}, not ${word}`);
    }
  }
}
