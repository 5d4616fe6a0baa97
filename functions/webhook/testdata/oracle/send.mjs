// Sends GitHub's example deliveries to a webhook, signed by Octokit's library:
// code that knows nothing of ours says what a valid signature is.
//
//   WEBHOOK_SECRET=… node send.mjs <url>
//
// Prints one line per file, "file status body", and compares the status with
// expected.json. Exits with 1 if one differs, if a file or its expectation is
// missing, or if nothing was sent.

import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { sign } from "@octokit/webhooks-methods";

const [url] = process.argv.slice(2);
const secret = process.env.WEBHOOK_SECRET;
if (!url || !secret) {
  console.error("usage: WEBHOOK_SECRET=<secret> node send.mjs <url of the webhook>");
  process.exit(2);
}

const examples = new URL("../github/", import.meta.url);
const expected = JSON.parse(await readFile(new URL("expected.json", import.meta.url), "utf8"));
const mistakes = [];
let answered = 0;

for (const file of await filesIn(examples)) {
  const want = expected[file];
  delete expected[file];
  if (want === undefined) {
    mistakes.push(`${file}: expected.json does not say what to expect`);
    continue;
  }
  try {
    const { status, body } = await deliver(file);
    answered++;
    console.log(`${file} ${status} ${body}`);
    if (status !== want) mistakes.push(`${file}: status ${status}, want ${want}`);
  } catch (err) {
    mistakes.push(`${file}: ${err.cause?.message ?? err.message}`);
  }
}
for (const file of Object.keys(expected)) mistakes.push(`${file}: no such file`);
if (answered === 0) mistakes.push("nothing was answered");

for (const mistake of mistakes) console.error(mistake);
process.exit(mistakes.length === 0 ? 0 : 1);

// filesIn lists <event>/<name>.json within a folder.
async function filesIn(folder) {
  const files = [];
  for (const event of await readdir(folder, { withFileTypes: true })) {
    if (!event.isDirectory()) continue;
    for (const name of await readdir(new URL(`${event.name}/`, folder))) {
      if (name.endsWith(".json")) files.push(`${event.name}/${name}`);
    }
  }
  return files.sort();
}

async function deliver(file) {
  const payload = await readFile(new URL(file, examples), "utf8");
  const response = await fetch(url, {
    method: "POST",
    signal: AbortSignal.timeout(10_000), // GitHub waits no longer
    headers: {
      "Accept": "*/*",
      "Content-Type": "application/json",
      "User-Agent": "GitHub-Hookshot/044aadd",
      "X-GitHub-Delivery": randomUUID(),
      "X-GitHub-Event": file.split("/")[0],
      "X-GitHub-Hook-ID": "292430182",
      "X-GitHub-Hook-Installation-Target-ID": "79929171",
      "X-GitHub-Hook-Installation-Target-Type": "repository",
      "X-Hub-Signature-256": await sign(secret, payload),
    },
    body: payload,
  });
  return { status: response.status, body: (await response.text()).trim() };
}
