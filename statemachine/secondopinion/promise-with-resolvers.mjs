// What aws-local-stepfunctions needs of Node 22, for Node 20.
Promise.withResolvers ??= function () { const r = {}; r.promise = new this((resolve, reject) => Object.assign(r, { resolve, reject })); return r; };
