// bootstrap.cjs FILE: runs the handler that FILE exports behind the Lambda Runtime API. It
// stands in for AWS's own runtime for Node.js, which is in no package and does more.
"use strict";
const http = require("node:http");

const root = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/`;
const agent = new http.Agent({ keepAlive: true });

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(root + path, { method, agent }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

(async () => {
  const { handler } = require(process.argv[2]);
  for (;;) {
    const next = await ask("GET", "invocation/next");
    const id = next.headers["lambda-runtime-aws-request-id"];
    try {
      await ask("POST", `invocation/${id}/response`, JSON.stringify(await handler(JSON.parse(next.body))));
    } catch (failed) {
      await ask("POST", `invocation/${id}/error`, JSON.stringify({ errorType: failed.name, errorMessage: failed.message }));
    }
  }
})();
