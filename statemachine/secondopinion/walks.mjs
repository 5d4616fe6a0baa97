// Plays the scripts of ../testdata/walks.json on aws-local-stepfunctions, an
// interpreter that this project did not write, and holds it to what came out of
// ours: states, payloads of every attempt, output, error and cause.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { StateMachine } from 'aws-local-stepfunctions';

const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
const text = readFileSync(new URL('../runner.asl.json', import.meta.url), 'utf8');
const definition = JSON.parse(text.replaceAll('${Partition}', 'aws'));
const { input, usual, walks } = read('../testdata/walks.json');
const golden = read('../testdata/walks.golden.json');
const runnerID = 'fleet-1001-1';
const tasks = Object.keys(definition.States).filter((name) => definition.States[name].Type === 'Task');
const waitsForToken = (name) => definition.States[name].Resource.endsWith('.waitForTaskToken');

// What is known to differ, and why; whatever stops differing is reported too.
const different = {
  'a plan without limits': 'it calls the function before it finds that TimeoutSecondsPath leads nowhere',
};

// It resolves TimeoutSecondsPath in what Parameters has made of the input, not in
// the state's input: so it gets a path into that.
for (const name of tasks.filter((task) => definition.States[task].TimeoutSecondsPath)) {
  definition.States[name].TimeoutSecondsPath = definition.States[name].TimeoutSecondsPath.replace('$', '$.Payload.document');
}

// The words that an engine has for its own errors are not compared.
const words = (value) => JSON.parse(JSON.stringify(value), (_, v) => (
  v?.Error?.startsWith?.('States.') ? { ...v, Cause: "[in the engine's own words]" } : v));

// The first place where two values differ.
function difference(ours, theirs, at = '$') {
  const keys = [ours, theirs].every((v) => v && typeof v === 'object') ? new Set([...Object.keys(ours), ...Object.keys(theirs)]) : [];
  for (const key of keys) {
    if (!isDeepStrictEqual(ours[key], theirs[key])) return difference(ours[key], theirs[key], `${at}.${key}`);
  }
  return `at ${at}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`;
}

async function play(script) {
  const queues = structuredClone(script);
  const calls = [];
  const answer = (name) => async (payload) => {
    calls.push(waitsForToken(name) ? payload.Payload : payload);
    const a = queues[name]?.shift() ?? usual[name];
    if (!a) throw new Error(`the script has no answer for ${name}`);
    if (a.silent) return new Promise(() => {}); // until its TimeoutSecondsPath
    // A function's error has Lambda's JSON for its cause, a signal's has its own.
    const error = a.fails ?? (a.raises && { ...a.raises, cause: JSON.stringify({ errorMessage: a.raises.cause, errorType: a.raises.name }) });
    if (error) throw Object.assign(new Error(error.cause), { name: error.name });
    return a.returns ?? a.completes;
  };
  // It has no $$.State and no $$.Task: the script says which state it looked up last.
  let current;
  const States = new Proxy(definition.States, { get: (states, name) => { current = name; return states[name]; } });
  const machine = new StateMachine({ ...definition, TimeoutSeconds: undefined, States }, { validationOptions: { noValidate: true } });
  const execution = machine.run(input, {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(tasks.map((name) => [name, answer(name)])),
      retryIntervalOverrides: Object.fromEntries(tasks.map((name) => [name, 0])),
    },
    context: { Execution: { Name: runnerID }, State: { get Name() { return current; } }, Task: { Token: '[task token]' } },
  });
  execution.result.catch(() => {}); // The log has it.
  const path = [];
  let end;
  for await (const event of execution.eventLogs) {
    if (event.type === 'StateEntered') path.push(event.state.name);
    end = event;
  }
  const left = Object.keys(queues).filter((name) => queues[name].length > 0);
  if (left.length > 0) throw new Error(`nobody asked for the answers of ${left}`);
  const outcome = { path: path.join(' '), calls: words(calls) };
  return end.type === 'ExecutionSucceeded'
    ? { ...outcome, status: 'SUCCEEDED', output: words(end.output) }
    : { ...outcome, status: 'FAILED', error: end.Error, cause: end.Error.startsWith('States.') ? "[in the engine's own words]" : end.Cause };
}

let agreed = 0;
await Promise.all(Object.entries(walks).map(async ([name, script]) => {
  const got = await play(script).catch((error) => String(error));
  const agrees = isDeepStrictEqual(golden[name], got);
  if (agrees) agreed++;
  if (agrees !== name in different) return;
  console.error(agrees ? `${name}: does not differ any more` : `${name}: differs ${difference(golden[name], got)}`);
  process.exitCode = 1;
}));
console.log(`aws-local-stepfunctions: ${agreed} of ${Object.keys(walks).length} walks end as on our engine`);
for (const [name, reason] of Object.entries(different)) console.log(`  differs: ${name}: ${reason}`);
console.log('  differs: it resolves TimeoutSecondsPath after Parameters, so it got other paths');
console.log("  it cannot check: task tokens, heartbeats, $$.State and $$.Task (stood in for), the execution's time-out, retry intervals (zero here)");
if (agreed === 0) {
  console.error('aws-local-stepfunctions: no walk agreed, or none was played');
  process.exitCode = 1;
}
