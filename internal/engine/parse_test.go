package engine

import (
	"strings"
	"testing"
)

const task = `"Type":"Task","Resource":"arn:aws:lambda:r:1:function:f","TimeoutSeconds":9`

// one is a machine of one state, with these fields.
func one(fields string) string { return `{"StartAt":"X","States":{"X":{` + fields + `}}}` }

func tokenTask(payload string) string {
	return `"Type":"Task","Resource":"` + invokeWithToken + `","TimeoutSeconds":9,"End":true,"Parameters":{"FunctionName":"f","Payload":` + payload + `}`
}

func TestParseTakesTheDefinitionThatIsDeployed(t *testing.T) {
	definition, values := runnerDefinition(t)
	m, err := Parse(definition, values)
	if err != nil {
		t.Fatal(err)
	}
	delete(values, "Partition") // is not a function
	if got := len(m.Functions()); got != len(values) {
		t.Errorf("%d functions for %d placeholders", got, len(values))
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ definition, want string }{
		"a field it does not implement":          {one(task + `,"End":true,"ResultSelector":{}`), `state "X": field "ResultSelector" is not implemented`},
		"InputPath":                              {one(task + `,"End":true,"InputPath":"$"`), `state "X": field "InputPath" is not implemented`},
		"a field of another state's type":        {one(`"Type":"Succeed","Next":"X"`), `field "Next" is not implemented`},
		"a top-level field":                      {`{"StartAt":"X","Processor":{},"States":{"X":{"Type":"Succeed"}}}`, `state machine: field "Processor" is not implemented`},
		"a type it does not implement":           {one(`"Type":"Parallel","Branches":[]`), `"Parallel" is not implemented`},
		"a state without a type":                 {one(`"End":true`), `state "X": field "Type" is missing`},
		"JSONata":                                {`{"QueryLanguage":"JSONata","StartAt":"X","States":{"X":{"Type":"Succeed"}}}`, `"JSONata"; JSONPath is implemented`},
		"JSONata in a state":                     {one(`"Type":"Succeed","QueryLanguage":"JSONata"`), `"JSONata"; JSONPath is implemented`},
		"another version":                        {`{"Version":"2.0","StartAt":"X","States":{"X":{"Type":"Succeed"}}}`, `1.0 is implemented`},
		"no start":                               {`{"States":{"X":{"Type":"Succeed"}}}`, `"StartAt" is missing`},
		"a start that is not a state":            {`{"StartAt":"Y","States":{"X":{"Type":"Succeed"}}}`, `"StartAt" names no state: "Y"`},
		"no states":                              {`{"StartAt":"X","States":{}}`, `has no state`},
		"a Next that is not a state":             {one(task + `,"Next":"Y"`), `state "X": field "Next" names no state: "Y"`},
		"a Default that is not a state":          {one(`"Type":"Choice","Default":"Y","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"X"}]`), `field "Default" names no state: "Y"`},
		"a Catch to no state":                    {one(task + `,"End":true,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Y"}]`), `Catch[0]: field "Next" names no state: "Y"`},
		"a state nothing leads to":               {`{"StartAt":"X","States":{"X":{"Type":"Succeed"},"Y":{"Type":"Succeed"}}}`, `state "Y": cannot be reached`},
		"neither Next nor End":                   {one(task), `field "Next" or "End" is missing`},
		"both Next and End":                      {one(task + `,"Next":"X","End":true`), `field "End" stands beside "Next"`},
		"End that is false":                      {one(task + `,"End":false`), `field "End" is false`},
		"a task without a time-out":              {one(`"Type":"Task","End":true,"Resource":"arn:aws:lambda:r:1:function:f"`), `field "TimeoutSeconds" or "TimeoutSecondsPath" is missing`},
		"a time-out given twice":                 {one(task + `,"End":true,"TimeoutSecondsPath":"$.a"`), `stands beside "TimeoutSeconds"`},
		"a time-out of no time":                  {one(`"Type":"Task","End":true,"Resource":"arn:aws:lambda:r:1:function:f","TimeoutSeconds":0`), `not a whole number from 1`},
		"a heartbeat as long as the time-out":    {one(tokenTask(`{"t.$":"$$.Task.Token"}`) + `,"HeartbeatSeconds":9`), `not smaller than "TimeoutSeconds"`},
		"a heartbeat of a plain function":        {one(task + `,"End":true,"HeartbeatSeconds":1`), `not implemented for a function without a task token`},
		"an activity":                            {one(`"Type":"Task","TimeoutSeconds":1,"End":true,"Resource":"arn:aws:states:r:1:activity:a"`), `"arn:aws:states:r:1:activity:a" is not implemented`},
		"another integration":                    {one(`"Type":"Task","TimeoutSeconds":1,"End":true,"Resource":"arn:aws:states:::ecs:runTask.sync"`), `"arn:aws:states:::ecs:runTask.sync" is not implemented`},
		"a token task without its token":         {one(tokenTask(`{}`)), `does not pass $$.Task.Token on`},
		"a token task without parameters":        {one(`"Type":"Task","TimeoutSeconds":9,"End":true,"Resource":"` + invokeWithToken + `"`), `field "Parameters" is missing`},
		"an invocation with a qualifier":         {one(strings.Replace(tokenTask(`{"t.$":"$$.Task.Token"}`), `"FunctionName"`, `"Qualifier":"1","FunctionName"`, 1)), `Parameters: field "Qualifier" is not implemented`},
		"a computed function name":               {one(strings.Replace(tokenTask(`{"t.$":"$$.Task.Token"}`), `"FunctionName"`, `"FunctionName.$"`, 1)), `field "FunctionName.$" is not implemented`},
		"a token where there is none":            {one(task + `,"End":true,"Parameters":{"t.$":"$$.Task.Token"}`), `there is a task token only in a task that waits for it`},
		"an unknown context field":               {one(task + `,"End":true,"Parameters":{"t.$":"$$.Map.Item.Index"}`), `$$.Map.Item.Index of the context object is not implemented`},
		"an intrinsic function":                  {one(task + `,"End":true,"Parameters":{"t.$":"States.Format('{}', $.a)"}`), `intrinsic function States.Format is not implemented`},
		"a path with a wildcard":                 {one(task + `,"End":true,"Parameters":{"t.$":"$.a[*]"}`), `"$.a[*]" is not a plain reference path`},
		"a path with two dots":                   {one(task + `,"End":true,"Parameters":{"t.$":"$..a"}`), `"$..a" is not a plain reference path`},
		"a path without a dollar":                {one(task + `,"End":true,"Parameters":{"t.$":"a"}`), `path "a" does not begin with $`},
		"a path that is no string":               {one(task + `,"End":true,"Parameters":{"t.$":1}`), `has "t.$", which is not a path`},
		"a parameter given twice":                {one(task + `,"End":true,"Parameters":{"t":1,"t.$":"$"}`), `has "t" twice`},
		"a result in an array":                   {one(task + `,"End":true,"ResultPath":"$.a[0]"`), `writing into an array is not implemented`},
		"a result in the context object":         {one(task + `,"End":true,"ResultPath":"$$.a"`), `field "ResultPath": path "$$.a"`},
		"States.ALL in company":                  {one(task + `,"End":true,"Retry":[{"ErrorEquals":["States.ALL","A"]}]`), `Retry[0]: field "ErrorEquals" has States.ALL, which must stand alone and last`},
		"States.ALL before others":               {one(task + `,"End":true,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["A"]}]`), `must stand alone and last`},
		"an error of States that does not exist": {one(task + `,"End":true,"Retry":[{"ErrorEquals":["States.TimeOut"]}]`), `has "States.TimeOut"; no error of that name exists`},
		"a retrier for nothing":                  {one(task + `,"End":true,"Retry":[{"ErrorEquals":[]}]`), `field "ErrorEquals" is not a list of strings`},
		"a backoff that shrinks":                 {one(task + `,"End":true,"Retry":[{"ErrorEquals":["A"],"BackoffRate":0.5}]`), `field "BackoffRate" is less than 1`},
		"an unknown jitter":                      {one(task + `,"End":true,"Retry":[{"ErrorEquals":["A"],"JitterStrategy":"HALF"}]`), `"HALF" is not implemented`},
		"an unknown field of a retrier":          {one(task + `,"End":true,"Retry":[{"ErrorEquals":["A"],"Next":"X"}]`), `Retry[0]: field "Next" is not implemented`},
		"a choice without rules":                 {one(`"Type":"Choice","Choices":[]`), `field "Choices" has no rule`},
		"a comparison it does not implement":     {one(`"Type":"Choice","Choices":[{"Variable":"$.a","StringMatches":"b*","Next":"X"}]`), `Choices[0]: field "StringMatches" is not implemented`},
		"a rule of two comparisons":              {one(`"Type":"Choice","Choices":[{"Variable":"$.a","StringEquals":"b","NumericEquals":1,"Next":"X"}]`), `has 2 comparisons`},
		"a nested rule with Next":                {one(`"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","IsPresent":true,"Next":"X"},"Next":"X"}]`), `Not: field "Next" is not implemented`},
		"a rule without a variable":              {one(`"Type":"Choice","Choices":[{"StringEquals":"b","Next":"X"}]`), `field "Variable" is missing`},
		"a wait for a timestamp":                 {one(`"Type":"Wait","End":true,"Timestamp":"2026-01-01T00:00:00Z"`), `field "Timestamp" is not implemented`},
		"a failure with two errors":              {one(`"Type":"Fail","Error":"A","ErrorPath":"$.a"`), `stands beside "Error"`},
		"a key that occurs twice":                {`{"StartAt":"X","States":{"X":{"Type":"Succeed"},"X":{"Type":"Succeed"}}}`, `/States: key "X" occurs twice`},
		"something behind the definition":        {one(`"Type":"Succeed"`) + `{}`, `not valid JSON`},
		"half a definition":                      {`{"StartAt":`, `not valid JSON`},
		"no object":                              {`[]`, `is not a JSON object`},
		"nothing":                                {``, `is not a JSON object`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.definition), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error\n got %v\nwant … %s …", err, c.want)
			}
		})
	}
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	_, err := Parse([]byte(`{"StartAt":"X","States":{"X":{"Type":"Pass","OutputPath":"$"},"Y":{"Type":"Map"}}}`), map[string]string{"Spare": "1"})
	for _, want := range []string{"${Spare}", "OutputPath", `"Next" or "End"`, `"Map"`, "cannot be reached"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	definition := []byte(one(`"Type":"Fail","Error":"${Error}","Cause":"${Cause}"`))
	for name, c := range map[string]struct {
		values map[string]string
		want   string
	}{
		"without a value":        {map[string]string{"Error": "A"}, "placeholder ${Cause} has no value"},
		"of which there is none": {map[string]string{"Error": "A", "Cause": "b", "Other": "c"}, "value for ${Other}: the definition has no such placeholder"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(definition, c.values); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	if _, err := Parse([]byte(one(`"Type":"Fail","Error":"${Err"`)), nil); err == nil || !strings.Contains(err.Error(), "is not closed") {
		t.Errorf("an open placeholder: %v", err)
	}
	m, err := Parse(definition, map[string]string{"Error": "A", "Cause": `says "no"`})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.states["X"].cause.text; got != `says "no"` {
		t.Errorf("a value with quotes became %q", got)
	}
}

// FuzzParse: for any text Parse returns, and a machine that it returns has its
// start state.
func FuzzParse(f *testing.F) {
	definition, values := runnerDefinition(f)
	for _, seed := range []string{
		string(definition), one(task + `,"End":true`), one(tokenTask(`{"a":[{"t.$":"$$.Task.Token"}]}`)),
		one(`"Type":"Choice","Choices":[{"Not":{"And":[{"Variable":"$.a[1].b","NumericEquals":1e3}]},"Next":"X"}]`),
		one(`"Type":"Wait","SecondsPath":"$.s","Next":"X"`), one(`"Type":"Pass","Result":[],"ResultPath":null,"End":true`),
		`{}`, `[]`, `null`, `"${A}"`, `{"States":[]}`, `{"States":{"":{}}}`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, v := range []map[string]string{nil, values} {
			m, err := Parse(text, v)
			if err == nil && m.states[m.startAt] == nil {
				t.Errorf("no state %q", m.startAt)
			}
		}
	})
}
