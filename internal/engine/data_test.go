package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustPath(t *testing.T, text string) *path {
	t.Helper()
	p, err := parsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPathLooksUp(t *testing.T) {
	const data = `{"a":{"b":[10,{"c":"x,}"}],"é":null},"n":1.50,"\u0061b":true,"a-b":"\"","twice":1,"twice":2}`
	for path, want := range map[string]string{
		"$": data, "$.a.b": `[10,{"c":"x,}"}]`, "$.a.b[0]": "10", "$.a.b[1].c": `"x,}"`, "$.a.é": "null",
		"$.n": "1.50", "$.ab": "true", "$.a-b": `"\""`, "$.twice": "2",
		"$.x": "none", "$.n.x": "none", "$.a.b[2]": "none", "$.a[0]": "none", "$.a.b.c": "none",
	} {
		t.Run(path, func(t *testing.T) {
			got, ok := mustPath(t, path).lookup(json.RawMessage(data))
			if !ok {
				got = json.RawMessage("none")
			}
			if string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestResultPath(t *testing.T) {
	for name, c := range map[string]struct{ data, path, want string }{
		"replaces everything":              {`{"a":1}`, "$", `{"v":0}`},
		"adds a member":                    {`{"a":1}`, "$.b", `{"a":1,"b":{"v":0}}`},
		"adds the first member":            {`{}`, "$.b", `{"b":{"v":0}}`},
		"replaces a member":                {`{"a":1,"b":[1],"c":2}`, "$.b", `{"a":1,"b":{"v":0},"c":2}`},
		"makes objects on the way":         {`{"a":1}`, "$.b.c.d", `{"a":1,"b":{"c":{"d":{"v":0}}}}`},
		"goes into objects":                {`{"a":{"b":1}}`, "$.a.c", `{"a":{"b":1,"c":{"v":0}}}`},
		"does not fit a string":            {`{"a":"x"}`, "$.a.b", "no"},
		"does not fit null":                {`{"a":null}`, "$.a.b", "no"},
		"does not fit data that is a list": {`[1]`, "$.a", "no"},
	} {
		t.Run(name, func(t *testing.T) {
			data := json.RawMessage(c.data)
			got, ok := mustPath(t, c.path).put(data, json.RawMessage(`{"v":0}`))
			if !ok {
				got = json.RawMessage("no")
			}
			if string(got) != c.want || string(data) != c.data {
				t.Errorf("got %s (data is %s), want %s", got, data, c.want)
			}
		})
	}
}

func TestSameJSON(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"order of keys":           {`{"a":1,"b":[true,null]}`, `{"b":[true,null],"a":1}`, true},
		"spelling of numbers":     {`{"a":1.0}`, `{"a":1}`, true},
		"neighbouring large ids":  {`9007199254740993`, `9007199254740992`, false},
		"order of elements":       {`[1,2]`, `[2,1]`, false},
		"escapes":                 {`"\u0061"`, `"a"`, true},
		"a member more":           {`{"a":1}`, `{"a":1,"b":1}`, false},
		"null and nothing":        {`{"a":null}`, `{"b":null}`, false},
		"a string and its number": {`"1"`, `1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sameJSON(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.same {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestChoice(t *testing.T) {
	for name, c := range map[string]struct{ rule, data, want string }{
		"a string that is equal":         {`"Variable":"$.a","StringEquals":"é\""`, `{"a":"é\""}`, "Yes"},
		"a string that is escaped":       {`"Variable":"$.a","StringEquals":"b"`, `{"a":"\u0062"}`, "Yes"},
		"a string that is not":           {`"Variable":"$.a","StringEquals":"b"`, `{"a":"B"}`, "No"},
		"a number for a string":          {`"Variable":"$.a","StringEquals":"1"`, `{"a":1}`, "No"},
		"a boolean":                      {`"Variable":"$.a","BooleanEquals":false`, `{"a":false}`, "Yes"},
		"a string for a boolean":         {`"Variable":"$.a","BooleanEquals":true`, `{"a":"true"}`, "No"},
		"a number":                       {`"Variable":"$.a","NumericEquals":1`, `{"a":1.0}`, "Yes"},
		"a number that is not":           {`"Variable":"$.a","NumericEquals":1`, `{"a":-1}`, "No"},
		"a string for a number":          {`"Variable":"$.a","NumericEquals":1`, `{"a":"1"}`, "No"},
		"presence":                       {`"Variable":"$.a","IsPresent":true`, `{"a":null}`, "Yes"},
		"absence":                        {`"Variable":"$.a.b","IsPresent":false`, `{"a":1}`, "Yes"},
		"not":                            {`"Not":{"Variable":"$.a","IsPresent":true}`, `{"a":1}`, "No"},
		"both":                           {`"And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a","StringEquals":"b"}]`, `{"a":"b"}`, "Yes"},
		"the second is not asked":        {`"And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a","StringEquals":"b"}]`, `{}`, "No"},
		"either":                         {`"Or":[{"Variable":"$.a","StringEquals":"x"},{"Variable":"$.a","StringEquals":"b"}]`, `{"a":"b"}`, "Yes"},
		"neither":                        {`"Or":[{"Variable":"$.a","StringEquals":"x"},{"Variable":"$.a","StringEquals":"y"}]`, `{"a":"b"}`, "No"},
		"a variable that does not exist": {`"Variable":"$.a","StringEquals":"b"`, `{}`, errRuntime},
	} {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, `{"StartAt":"X","States":{"X":{"Type":"Choice","Default":"No","Choices":[{`+c.rule+`,"Next":"Yes"}]},
				"Yes":{"Type":"Succeed"},"No":{"Type":"Succeed"}}}`)
			got, f := m.states["X"].choose(json.RawMessage(c.data))
			if f != nil {
				got = f.name
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	rec := &Record{Execution: Execution{Name: "n", Input: json.RawMessage(`{"i":1}`), State: "X", RetryCount: 3,
		StartedAt: time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC), StateEnteredAt: time.Date(2026, 2, 3, 4, 5, 7, 0, time.UTC)}}
	for parameters, want := range map[string]string{
		`{"a":1,"b":["$.x",{"c.$":"$.x.y"}],"d.$":"$.x","e":{},"f":[],"g.$":"$"}`: `{"a":1,"b":["$.x",{"c":[2]}],"d":{"y":[2]},"e":{},"f":[],"g":{"x":{"y":[2]}}}`,
		`{"id.$":"$$.Execution.Id"}`:       `{"id":"arn:aws:states:local:000000000000:execution:m:n"}`,
		`{"n.$":"$$.Execution.Name"}`:      `{"n":"n"}`,
		`{"i.$":"$$.Execution.Input"}`:     `{"i":{"i":1}}`,
		`{"t.$":"$$.Execution.StartTime"}`: `{"t":"2026-02-03T04:05:06.007Z"}`,
		`{"s.$":"$$.State.Name"}`:          `{"s":"X"}`,
		`{"t.$":"$$.State.EnteredTime"}`:   `{"t":"2026-02-03T04:05:07.000Z"}`,
		`{"r.$":"$$.State.RetryCount"}`:    `{"r":3}`,
		`{"m.$":"$$.StateMachine.Id"}`:     `{"m":"arn:aws:states:local:000000000000:stateMachine:m"}`,
		`{"m.$":"$$.StateMachine.Name"}`:   `{"m":"m"}`,
		`{"missing.$":"$.z"}`:              errParameterPath,
		`["a"]`:                            `["a"]`,
		`"just text"`:                      `"just text"`,
	} {
		t.Run(parameters, func(t *testing.T) {
			st := mustParse(t, one(task+`,"End":true,"Parameters":`+parameters)).states["X"]
			got, f := st.parameters.render(json.RawMessage(`{"x":{"y":[2]}}`), &contextObject{machine: "m", rec: rec})
			if f != nil {
				got = json.RawMessage(f.name)
			}
			if string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestErrorNames(t *testing.T) {
	heartbeat := &failure{name: errTimeout, heartbeat: true}
	for name, c := range map[string]struct {
		failure *failure
		names   string
		want    bool
	}{
		"its own name":                                {&failure{name: "A.B"}, "X A.B", true},
		"another case":                                {&failure{name: "A.B"}, "a.b", false},
		"States.ALL meets everything":                 {&failure{name: "A.B"}, errAll, true},
		"States.ALL meets a time-out":                 {&failure{name: errTimeout}, errAll, true},
		"States.ALL does not meet States.Runtime":     {&failure{name: errRuntime}, errAll, false},
		"States.Runtime is final":                     {&failure{name: errRuntime}, errRuntime, false},
		"States.ALL does not meet the data limit":     {&failure{name: errDataLimit}, errAll, false},
		"the data limit by its name":                  {&failure{name: errDataLimit}, errDataLimit, true},
		"States.TaskFailed meets a function's error":  {&failure{name: "A.B"}, errTaskFailed, true},
		"States.TaskFailed does not meet a time-out":  {&failure{name: errTimeout}, errTaskFailed, false},
		"States.TaskFailed does not meet a heartbeat": {heartbeat, errTaskFailed, false},
		"a heartbeat by its own name":                 {heartbeat, errHeartbeat, true},
		"a heartbeat as the time-out it is":           {heartbeat, errTimeout, true},
		"a time-out is no heartbeat":                  {&failure{name: errTimeout}, errHeartbeat, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.failure.matches(strings.Fields(c.names)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestDelays(t *testing.T) {
	for name, c := range map[string]struct {
		retrier string
		jitter  float64
		want    []time.Duration
	}{
		"by default":       {``, 0, []time.Duration{1e9, 2e9, 4e9, 8e9}},
		"with a rate":      {`,"IntervalSeconds":3,"BackoffRate":1.5`, 0, []time.Duration{3e9, 4.5e9, 6.75e9}},
		"with a bound":     {`,"IntervalSeconds":15,"MaxDelaySeconds":40,"JitterStrategy":"NONE"`, 0, []time.Duration{15e9, 30e9, 40e9, 40e9}},
		"with full jitter": {`,"IntervalSeconds":15,"JitterStrategy":"FULL"`, 0.1, []time.Duration{1.5e9, 3e9, 6e9}},
	} {
		t.Run(name, func(t *testing.T) {
			st := mustParse(t, one(task+`,"End":true,"Retry":[{"ErrorEquals":["A"]`+c.retrier+`}]`)).states["X"]
			var got []time.Duration
			for n := range c.want {
				got = append(got, st.retry[0].delay(n, func() float64 { return c.jitter }))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if d := st.retry[0].delay(1e9, func() float64 { return 0.999 }); d <= 0 || d > longestDelay*time.Second {
				t.Errorf("after very many attempts: %v", d)
			}
		})
	}
}
