package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	plan     = `{"decision":"admitted","start_seconds":900,"idle_seconds":300,"build_seconds":1800,"build_lease_seconds":120}`
	happyWay = "Validate IsAdmitted ResolveImage IsImageReady RegisterTaskDefinition RunTask AwaitCompletion RecordStatus"
	runnerID = "fleet-1001-1"
)

// fleet is a runner's functions at their simplest. Tokens end up in tokens.
type fleet struct {
	lambdas
	tokens map[string]string // by state
}

func newFleet() *fleet {
	f := &fleet{tokens: map[string]string{}}
	keep := func(_ context.Context, in document) (string, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if in.Token != "" {
			f.tokens[in.State] = in.Token
		}
		return `{"error":"Image.BuildFailed","cause":"the base image does not exist"}`, nil
	}
	f.by = map[string]func(context.Context, document) (string, error){
		"Validate":               answer(plan),
		"ResolveImage":           answer(`{"outcome":"ready","digest":"sha256:1"}`),
		"BuildImage":             keep,
		"RegisterTaskDefinition": answer(`{"arn":"arn:aws:ecs:td"}`),
		"RunTask":                keep,
		"InspectRunner":          answer(`{"outcome":"waiting","seconds":600}`),
		"RecordStatus":           keep,
	}
	return f
}

func (f *fleet) token(state string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[state]
}

func (f *fleet) engine(t testing.TB, with func(*Config)) *Engine {
	definition, values := runnerDefinition(t)
	m, err := Parse(definition, values)
	if err != nil {
		t.Fatal(err)
	}
	return newEngine(t, m, f.invoke, with)
}

func signal(t *testing.T, e *Engine, token, output string) {
	t.Helper()
	if err := e.SendTaskSuccess(context.Background(), token, json.RawMessage(output)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestRunner(t *testing.T) {
	for name, c := range map[string]struct {
		fleet  func(f *fleet)
		play   func(t *testing.T, e *Engine, f *fleet)
		way    string
		status Status
		err    string
	}{
		"a job that runs ends green after eight transitions": {
			play: func(t *testing.T, e *Engine, f *fleet) {
				signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
				signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
			},
			way: happyWay, status: Succeeded,
		},
		"a refused job costs three states": {
			fleet: func(f *fleet) { f.by["Validate"] = answer(`{"decision":"refused"}`) },
			way:   "Validate IsAdmitted RecordStatus", status: Succeeded,
		},
		"a missing image is built first": {
			fleet: func(f *fleet) { f.by["ResolveImage"] = answer(`{"outcome":"missing"}`) },
			play: func(t *testing.T, e *Engine, f *fleet) {
				signal(t, e, f.token("BuildImage"), `{"outcome":"ready","digest":"sha256:2"}`)
				signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
				signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
			},
			way:    strings.Replace(happyWay, "IsImageReady", "IsImageReady BuildImage", 1),
			status: Succeeded,
		},
		"a failed build ends red, with the error and cause that were recorded": {
			fleet: func(f *fleet) { f.by["ResolveImage"] = answer(`{"outcome":"missing"}`) },
			play: func(t *testing.T, e *Engine, f *fleet) {
				if err := e.SendTaskFailure(context.Background(), f.token("BuildImage"), "Image.BuildFailed", "exit 1"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			},
			way:    "Validate IsAdmitted ResolveImage IsImageReady BuildImage RecordFailure Failed",
			status: Failed, err: "Image.BuildFailed: the base image does not exist",
		},
		"silence of a build's lease looks for the image again": {
			fleet: func(f *fleet) { f.by["ResolveImage"] = answer(`{"outcome":"missing"}`) },
			play:  func(t *testing.T, e *Engine, f *fleet) { after(120 * time.Second) },
			way:   "Validate IsAdmitted ResolveImage IsImageReady BuildImage ResolveImage IsImageReady BuildImage", status: Running,
		},
		"a runner that is silent is inspected and goes on waiting": {
			play: func(t *testing.T, e *Engine, f *fleet) {
				old := f.token("RunTask")
				after(299 * time.Second)
				if err := e.SendTaskHeartbeat(context.Background(), old); err != nil {
					t.Fatal(err)
				}
				after(299 * time.Second)
				if got := describe(t, e, runnerID).State; got != "RunTask" {
					t.Errorf("after a heartbeat the state is %s", got)
				}
				after(time.Second)
				if f.token("RunTask") == old {
					t.Error("the second attempt has the token of the first")
				}
				signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
				signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
			},
			way:    strings.Replace(happyWay, "RunTask", "RunTask InspectRunner AfterInspection RunTask", 1),
			status: Succeeded,
		},
		"no capacity is tried again for a while": {
			fleet: func(f *fleet) {
				keep, n := f.by["RunTask"], 0
				f.by["RunTask"] = func(ctx context.Context, in document) (string, error) {
					if n++; n <= 4 {
						return "", named{"Runner.NoCapacity", "Fargate has no room"}
					}
					return keep(ctx, in)
				}
			},
			play: func(t *testing.T, e *Engine, f *fleet) {
				after(15*time.Second/2 - time.Nanosecond) // the jitter of these tests is one half
				if n := strings.Count(f.called(), "RunTask RunTask"); n != 1 {
					t.Errorf("%d attempts before the first interval is over", n)
				}
				after(time.Nanosecond + (30+60+60)*time.Second/2)
				signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
				signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
				if n := strings.Count(f.called(), "RunTask RunTask"); n != 5 {
					t.Errorf("RunTask was called %d times", n)
				}
			},
			way: happyWay, status: Succeeded,
		},
		"no capacity is a setback after that": {
			fleet: func(f *fleet) {
				f.by["RunTask"] = func(context.Context, document) (string, error) {
					return "", named{"Runner.NoCapacity", "Fargate has no room"}
				}
				f.by["RecordStatus"] = answer(`{"error":"Runner.NoCapacity","cause":"Fargate has no room"}`)
			},
			play:   func(t *testing.T, e *Engine, f *fleet) { after((15 + 30 + 60 + 60) * time.Second / 2) },
			way:    "Validate IsAdmitted ResolveImage IsImageReady RegisterTaskDefinition RunTask RecordFailure Failed",
			status: Failed, err: "Runner.NoCapacity: Fargate has no room",
		},
		"a long job is inspected now and then": {
			fleet: func(f *fleet) { f.by["InspectRunner"] = answer(`{"outcome":"busy","seconds":60}`) },
			play: func(t *testing.T, e *Engine, f *fleet) {
				signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
				after(1800 * time.Second)
				signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
			},
			way:    strings.Replace(happyWay, "AwaitCompletion", "AwaitCompletion InspectRunner AfterInspection AwaitCompletion", 1),
			status: Succeeded,
		},
		"a wrapped error loses its name, as on AWS": {
			fleet: func(f *fleet) {
				f.by["RunTask"] = func(context.Context, document) (string, error) {
					return "", fmt.Errorf("run task: %w", named{"Runner.NoCapacity", "no room"})
				}
			},
			way:    "Validate IsAdmitted ResolveImage IsImageReady RegisterTaskDefinition RunTask RecordFailure Failed",
			status: Failed, err: "Image.BuildFailed: the base image does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet()
				if c.fleet != nil {
					c.fleet(f)
				}
				e := f.engine(t, nil)
				start(t, e, runnerID, `{"job":{"id":1001}}`)
				synctest.Wait()
				if c.play != nil {
					c.play(t, e, f)
				}
				x := describe(t, e, runnerID)
				if got := entered(t, e, runnerID); got != c.way {
					t.Errorf("states\n got %s\nwant %s", got, c.way)
				}
				if x.Status != c.status {
					t.Errorf("status %s (%s: %s), want %s", x.Status, x.Error, x.Cause, c.status)
				}
				if got := x.Error + ": " + x.Cause; c.err != "" && got != c.err {
					t.Errorf("error %q, want %q", got, c.err)
				}
				checkHistory(t, e, f)
			})
		})
	}
}

// checkHistory: events are numbered without gaps, and no token is among them.
func checkHistory(t *testing.T, e *Engine, f *fleet) {
	t.Helper()
	events, err := e.History(context.Background(), runnerID)
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range events {
		if ev.ID != int64(i+1) {
			t.Errorf("event %d has the id %d", i+1, ev.ID)
		}
	}
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for state, token := range f.tokens {
		if strings.Contains(string(text), token) {
			t.Errorf("the history shows the token of %s", state)
		}
		if !strings.Contains(string(text), shownToken) {
			t.Error("the history does not show where the token was")
		}
	}
}

func TestHistoryIsShapedLikeStepFunctions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFleet()
		e := f.engine(t, nil)
		start(t, e, runnerID, `{}`)
		synctest.Wait()
		signal(t, e, f.token("RunTask"), `{"outcome":"busy","seconds":1800}`)
		signal(t, e, f.token("AwaitCompletion"), `{"outcome":"stopped"}`)
		plain := "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited "
		token := "TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited "
		choice := "ChoiceStateEntered ChoiceStateExited "
		want := "ExecutionStarted " + plain + choice + plain + choice + plain + token + token + plain + "ExecutionSucceeded"
		if got := strings.Join(types(t, e, runnerID), " "); got != want {
			t.Errorf("types\n got %s\nwant %s", got, want)
		}
	})
}
