// setup.mjs LINK MANNER: sets up a fleet in Chromium, as a person does who opens the link
// that was printed: with a mouse, or with the keyboard alone on a small screen. It fails if
// the person cannot go on, and if the browser reports an error.
import { chromium } from "playwright-core";

const [link, manner] = process.argv.slice(2);
const keyboard = manner === "keyboard";
const viewport = keyboard ? { width: 360, height: 640 } : { width: 1280, height: 800 };
const limit = 30_000;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--disable-gpu"] });
const context = await browser.newContext({ viewport });
context.setDefaultTimeout(limit);
const problems = [];
context.on("console", (said) => {
  const ours = said.location().url.startsWith(new URL(link).origin);
  if (ours && ["error", "warning"].includes(said.type())) problems.push(`${said.location().url}: ${said.text()}`);
});
context.on("weberror", (failed) => problems.push(String(failed.error())));

// press uses a button or link that has the name, as the person does.
async function press(page, role, name) {
  const target = page.getByRole(role, { name });
  await target.waitFor();
  await fits(page);
  if (!keyboard) return target.click();
  for (let tabs = 0; !(await target.evaluate((it) => it === document.activeElement)); tabs++) {
    if (tabs > 20) throw new Error(`Tab does not lead to the ${role} ${name}`);
    await page.keyboard.press("Tab");
  }
  const seen = await target.evaluate((it) => getComputedStyle(it).outlineStyle);
  if (seen === "none") throw new Error(`one does not see the focus on the ${role} ${name}`);
  await page.keyboard.press("Enter");
}

// fits checks that nothing has to be scrolled for sideways.
async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > viewport.width) throw new Error(`${page.url()} is ${wide} pixels wide, of ${viewport.width}`);
}

try {
  const page = await context.newPage();
  await page.goto(link);
  if (page.url().includes("token=")) throw new Error("the token is still in the address");
  await press(page, "button", /^Continue on GitHub, in the organization octo-org$/);
  await press(page, "button", /^Create GitHub App for octo-org$/);
  const opens = context.waitForEvent("page");
  await press(page, "link", /^Install the App/);
  const installation = await opens;
  await press(installation, "button", /^Install on octo-org$/);
  await installation.getByRole("heading", { name: /was installed on octo-org/ }).waitFor();
  const end = page.locator("#end");
  await end.waitFor();
  await fits(page);
  console.log(`the page ends with: ${await end.textContent()}`);
  if (problems.length > 0) throw new Error(`the browser reports: ${problems.join("; ")}`);
} catch (failed) {
  console.error(failed.message, ...problems);
  process.exitCode = 1;
} finally {
  await browser.close();
}
