// Checks a state machine with asl-validator, an implementation of the language
// that this project did not write. It then breaks the definition to see that the
// validator notices: a check that cannot fail is none.
import { readFileSync } from 'node:fs';
import asl from 'asl-validator';

const file = '../runner.asl.json';
const text = readFileSync(file, 'utf8').replaceAll('${Partition}', 'aws');

const { isValid, errorsText } = asl(JSON.parse(text));
if (!isValid) {
  console.error(errorsText());
  process.exit(1);
}

const broken = {
  'a Next that leads nowhere': (d) => { d.States.Validate.Next = 'Nowhere'; },
  'a state that nobody reaches': (d) => { d.States.Lonely = { Type: 'Succeed' }; },
  'a state of no known type': (d) => { d.States.Validate.Type = 'Job'; },
  'no StartAt': (d) => { delete d.StartAt; },
};
for (const [what, breakIt] of Object.entries(broken)) {
  const definition = JSON.parse(text);
  breakIt(definition);
  if (asl(definition).isValid) {
    console.error(`asl-validator accepts ${what}: it cannot be trusted with the rest`);
    process.exit(1);
  }
}
const states = Object.keys(JSON.parse(text).States).length;
console.log(`asl-validator: ${file} with ${states} states is valid; ${Object.keys(broken).length} broken variants were refused`);
