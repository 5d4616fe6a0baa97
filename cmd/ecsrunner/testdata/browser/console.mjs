// console.mjs PART LINK DIR [SECONDS]: looks at the console in Chromium, as a person does, and writes
// pictures into DIR. It fails if the browser reports an error, if axe-core finds a serious
// violation, and if something does not fit, is not reached by the keyboard, or does harm.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [part, link, shots, seconds] = process.argv.slice(2);
const origin = new URL(link).origin;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])] });
const problems = [];
const fail = (text) => problems.push(text);
let mayFail = false;

// open is a page of a person who has opened the link.
async function open(width, scheme, more = {}) {
  const context = await browser.newContext({ viewport: { width, height: width < 500 ? 780 : 1000 }, colorScheme: scheme, reducedMotion: "reduce", ...more });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on("console", (said) => !mayFail && ["error", "warning"].includes(said.type()) && !said.text().includes("404") && fail(`${page.url()}: ${said.text()}`));
  page.on("pageerror", (error) => fail(`${page.url()}: ${error}`));
  page.on("dialog", (dialog) => (fail(`${page.url()} opens a dialog: ${dialog.message()}`), dialog.dismiss()));
  await page.goto(link);
  if (page.url().includes("token=")) fail("the token is still in the address");
  return page;
}

const live = (page) => page.locator("#live[data-state=on]").waitFor();

async function fits(page, width) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > width) fail(`${page.url()} is ${wide} pixels wide, of ${width}`);
}

async function accessible(page, how) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const v of violations) {
    const text = `${page.url()} ${how}: ${v.impact} ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`;
    if (["serious", "critical"].includes(v.impact)) fail(text);
    else console.log(`minor: ${text}`);
  }
}

const pages = {
  fleet: "/", runs: "/runs", run: "/runs/job-20000000900", swap: "/runs/job-20000000901", retrying: "/runs/job-20000000902", refused: "/runs/job-20000000903", hostile: "/runs/job-20000000904",
  runners: "/runners", runner: "/runners/fleet-20000000900-1", failed: "/runners/fleet-20000000902-1", warm: "/runners/fleet-w1-1", images: "/images", classes: "/classes", repositories: "/repositories", events: "/events",
  try: "/try?labels=self-hosted%2C+class%3Asmall&event=push&branch=main&fork=false", missing: "/runs/job-1",
};

async function everyPage(looks = [[1440, "light"], [1440, "dark"], [360, "light"], [2560, "dark"]]) {
  for (const [width, scheme] of looks) {
    const page = await open(width, scheme);
    for (const [name, at] of Object.entries(pages)) {
      if (width === 2560 && !["fleet", "runs", "run"].includes(name)) continue;
      if (part === "stack" && width === 360 && !["fleet", "run", "retrying", "runners"].includes(name)) continue;
      await page.goto(origin + at);
      if (name !== "missing") await live(page);
      await fits(page, width);
      if (part === "stack" && (await page.locator("form[method=post]").count()) > 0) fail(`${at} can change something`);
      if (width !== 2560) await accessible(page, `${width} ${scheme}`);
      await page.screenshot({ path: join(shots, `${part === "stack" ? "stack" : "console"}-${name}-${width}-${scheme}.png`), fullPage: true });
    }
    await page.context().close();
  }
}

// answers says what the page of each run has as the text of `ecsrunner why`.
async function answers() {
  const page = await open(1440, "light");
  for (const name of ["run", "swap", "retrying", "refused", "hostile"]) {
    await page.goto(origin + pages[name]);
    await page.locator("#why-text summary").click();
    const text = await page.locator("#why-text pre").textContent();
    console.log(`ready ${JSON.stringify({ run: pages[name].split("/").at(-1), text })}`);
  }
  await page.context().close();
}

// ofAStack are what the records of a fleet on AWS alone do not show: its executions and a
// log, which are read from other services.
async function ofAStack() {
  const page = await open(1440, "light");
  for (const at of ["/", "/runs"]) {
    await page.goto(origin + at);
    await page.getByText("stack busy in us-east-1").waitFor();
  }
  await page.goto(origin + pages.run);
  await page.locator("#log-lines").getByText("<script>alert('log')</script>").waitFor();
  await page.goto(origin + pages.swap);
  await page.locator("#history .visits").getByText("RegisterTaskDefinition").first().waitFor();
  const leads = await page.getByRole("link", { name: "Step Functions console" }).first().getAttribute("href");
  if (!leads.startsWith("https://us-east-1.console.aws.amazon.com/states/")) fail(`an execution leads to ${leads}`);
  await page.goto(origin + pages.failed);
  await page.locator("#history .visits").getByText("BuildImage").first().waitFor();
  await page.context().close();
}

// readOnly is a console that nobody has allowed to change the fleet.
async function readOnly() {
  const page = await open(1440, "light");
  await page.getByText("Read-only").waitFor();
  const answer = await page.request.post(origin + "/change", { form: { do: "pause", reason: "none" }, headers: { Origin: origin } });
  if (answer.status() !== 403 || !(await answer.text()).includes("changes nothing")) fail(`a change is answered with ${answer.status()}`);
  await page.context().close();
}

// changes pauses the fleet and resumes it.
async function changes() {
  const page = await open(1440, "light");
  await page.getByText("Changes allowed").waitFor();
  await page.getByText("Pause the fleet").click();
  await page.getByLabel("Reason").fill("moving subnets");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator("#notices").getByText("moving subnets").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("Pause the fleet").waitFor();
  await page.context().close();
}

async function filters() {
  const page = await open(1440, "light");
  const rows = () => page.locator("tbody tr");
  await page.goto(origin + "/runs");
  await page.getByLabel("Repository").selectOption("octo-org/ml-training");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/repository=octo-org%2Fml-training/);
  await page.getByRole("link", { name: "Waiting", exact: true }).click();
  await page.waitForURL(/status=waiting/);
  if ((await rows().count()) !== 5) fail(`5 runs wait for the rule, and ${await rows().count()} are shown`);
  const other = await open(1440, "light");
  await other.goto(page.url());
  if ((await other.locator("tbody tr").count()) !== 5) fail("the address does not show the same to another person");
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByRole("link", { name: "Older" }).click();
  if ((await rows().count()) !== 50) fail(`the second page has ${await rows().count()} runs`);
  await page.getByRole("link", { name: "Newest" }).click();
  await page.getByLabel("Search").fill("job-20000000902");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "chrome / shard 2 of 4" }).click();
  await page.getByText("waits for its next try").first().waitFor();
  await page.context().close();
  await other.context().close();
}

// keyboard goes through a page by Tab alone, and sees each time where it is.
async function keyboard() {
  const page = await open(1440, "light");
  await page.keyboard.press("Tab");
  if ((await page.evaluate(() => document.activeElement.textContent)) !== "Skip to the page") fail("the first Tab does not lead to the skip link");
  await page.keyboard.press("Enter");
  if ((await page.evaluate(() => document.activeElement.id)) !== "main") fail("the skip link does not lead to the page");
  await page.goto(origin + "/runs/job-20000000900");
  const reached = new Set();
  for (let tabs = 0; tabs < 60; tabs++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const it = document.activeElement;
      if (it === document.body) return null;
      const style = getComputedStyle(it);
      return { name: `${it.localName} ${it.textContent.trim().slice(0, 40)}`, seen: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
    });
    if (!at) break;
    if (!at.seen) fail(`one does not see the focus on ${at.name}`);
    reached.add(at.name.split(" ")[0]);
  }
  for (const kind of ["a", "summary", "pre"]) if (!reached.has(kind)) fail(`Tab does not reach a ${kind}`);
  await page.context().close();
}

// plain is a person whose browser runs no script.
async function plain() {
  const page = await open(1440, "light", { javaScriptEnabled: false });
  for (const at of ["/", "/runs?status=waiting", "/runs/job-20000000900", "/try?labels=class%3Agigantic"]) {
    await page.goto(origin + at);
    if (!(await page.locator("main section").first().isVisible())) fail(`${at} shows nothing without script`);
  }
  await page.context().close();
}

async function cost() {
  const page = await open(1440, "light");
  for (const name of ["fleet", "runs", "run"]) {
    let requests = 0;
    const count = (request) => request.resourceType() !== "eventsource" && !request.url().startsWith("data:") && requests++;
    page.on("request", count);
    await page.goto(origin + pages[name]);
    await live(page);
    page.off("request", count);
    const { bytes, ready } = await page.evaluate(() => {
      const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((r) => !r.name.includes("/live"))];
      return { bytes: all.reduce((sum, e) => sum + e.transferSize, 0), ready: Math.round(all[0].domContentLoadedEventEnd) };
    });
    console.log(`${name}: ${requests} requests, ${Math.round(bytes / 1024)} KiB, ready after ${ready} ms`);
    if (requests > 3) fail(`${name} makes ${requests} requests`);
    if (bytes > 256 * 1024) fail(`${name} has ${bytes} bytes`);
  }
  await page.context().close();
}

// aRun watches a job from its queueing to its end, without loading a page again.
async function aRun() {
  const page = await open(1440, "light");
  await page.getByText("No job has arrived yet").waitFor();
  await live(page);
  await page.evaluate(() => (globalThis.same = true));
  console.log("ready");
  await page.getByRole("link", { name: "live", exact: true }).first().waitFor();
  if (!(await page.evaluate(() => globalThis.same))) fail("the page of the fleet was loaded again");
  await page.screenshot({ path: join(shots, "console-live-fleet.png"), fullPage: true });
  await page.getByRole("link", { name: "live", exact: true }).first().click();
  await page.waitForURL(/\/runs\/job-/);
  await live(page);
  await page.evaluate(() => {
    globalThis.same = true;
    globalThis.seen = [];
    const look = () => {
      const text = document.querySelector("#head .state").textContent;
      if (globalThis.seen.at(-1) !== text) globalThis.seen.push(text);
    };
    look();
    new MutationObserver(look).observe(document.getElementById("head"), { subtree: true, childList: true, characterData: true });
  });
  const details = page.locator("#answer details");
  await details.locator("summary").click();
  await details.locator("summary").focus();
  await page.locator("#log-lines").getByText("line 3").first().waitFor();
  await page.screenshot({ path: join(shots, "console-live-run.png"), fullPage: true });
  await page.locator("#head .state", { hasText: "Completed" }).waitFor({ timeout: 60_000 });
  await page.locator("#log-lines").getByText("hello from <b>the job</b>").last().waitFor();
  await page.locator("#log-state", { hasText: "ended" }).waitFor();
  const after = await page.evaluate(() => ({ same: globalThis.same, seen: globalThis.seen, open: document.querySelector("#answer details").open, focus: document.activeElement.localName, text: document.querySelector("#answer pre").textContent }));
  if (!after.same) fail("the page of the run was loaded again");
  if (!after.open || after.focus !== "summary") fail(`details are open: ${after.open}, the focus is on ${after.focus}`);
  if (!after.text.includes("ended with success")) fail(`what why says is old: ${after.text}`);
  console.log(`the run was seen as ${after.seen.join(", ")}`);
  await page.locator("#live[data-state=on]").waitFor();
  mayFail = true; // to connect
  console.log("ready");
  await page.locator("#live[data-state=off]").waitFor();
  if (!(await page.locator("#answer").textContent()).includes("ended with success")) fail("with the connection the page is lost");
  await page.context().close();
}

// pictures are those of the docs.
async function pictures() {
  for (const [name, at, height] of [["fleet", "/", 860], ["run", "/runs/job-20000000901", 860]]) {
    const page = await open(1280, "light");
    await page.setViewportSize({ width: 1280, height });
    await page.goto(origin + at);
    await live(page);
    await page.locator(".place").evaluate((it) => (it.textContent = "/var/lib/ecsrunner")); // not a directory of a test
    await page.screenshot({ path: join(shots, `picture-${name}.png`) });
    await page.context().close();
  }
}

// memory keeps three pages of a fleet open whose 500 runners change all the time, and checks
// that neither their scripts nor their documents grow.
async function memory() {
  const watched = [];
  for (const at of ["/", "/runners?phase=open", "/runners/fleet-30000000007-1"]) {
    const page = await open(1440, "light");
    await page.goto(origin + at);
    await live(page);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    watched.push({ at, page, session, all: [] });
  }
  const end = Date.now() + 1000 * Number(seconds);
  while (Date.now() < end) {
    await watched[0].page.waitForTimeout(Math.min(15_000, 1000 * Number(seconds) / 8));
    for (const { session, all } of watched) {
      await session.send("HeapProfiler.collectGarbage");
      const { metrics } = await session.send("Performance.getMetrics");
      const of = Object.fromEntries(metrics.map((m) => [m.name, m.value]));
      all.push({ heap: of.JSHeapUsedSize / 1e6, nodes: of.Nodes, listeners: of.JSEventListeners });
    }
  }
  for (const { at, page, all } of watched) {
    // The first quarter is left out: a page and its log fill up.
    const settled = all.slice(Math.floor(all.length / 4));
    const [first, last] = [settled[0], settled.at(-1)];
    const show = (m) => `${m.heap.toFixed(2)} MB, ${m.nodes} nodes, ${m.listeners} listeners`;
    console.log(`${at}: at first ${show(all[0])}; then ${show(first)}; after ${seconds} s ${show(last)}`);
    if (last.heap > first.heap * 1.15 + 0.5) fail(`the script of ${at} grows from ${first.heap} to ${last.heap} MB`);
    if (last.nodes > first.nodes * 1.15 + 600) fail(`the document of ${at} grows from ${first.nodes} to ${last.nodes} nodes`);
    if (last.listeners > first.listeners + 5) fail(`the listeners of ${at} grow from ${first.listeners} to ${last.listeners}`);
    await live(page);
  }
}

try {
  const parts = { pages: [() => everyPage(), filters, keyboard, plain, cost, pictures], live: [aRun], memory: [memory],
    stack: [() => everyPage([[1440, "light"], [360, "dark"]]), filters, answers, ofAStack, readOnly], changes: [changes] };
  for (const each of parts[part]) await each();
} catch (failed) {
  fail(failed.stack);
} finally {
  await browser.close();
}
for (const text of new Set(problems)) console.error(text);
process.exitCode = problems.length > 0 ? 1 : 0;
