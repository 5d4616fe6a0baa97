// floor.cjs is the least that a Node.js function does: an answer.
"use strict";
exports.handler = async () => ({ statusCode: 200 });
