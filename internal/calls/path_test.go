package calls

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	performancePage = "../../docs/performance.md"
	pathPicture     = "../../docs/images/critical-path.svg"
)

// stretch is a part of the way from the webhook to the claim's answer.
type stretch struct {
	what, kind  string
	began, took time.Duration
}

// way is one from the webhook of a queued job to its runner's registration.
type way struct {
	name      string
	stretches []stretch
}

func (w way) total() (all time.Duration) {
	for _, s := range w.stretches {
		all += s.took
	}
	return all
}

// onTheWay are the invocations from the webhook to the claim, in their order, and how each
// is reached. Those that are skipped are made only if something is missing.
var onTheWay = []struct {
	invocation, reached string
	skipped             bool
}{
	{"webhook workflow_job queued", "API Gateway", false},
	{"dispatch workflow_job queued", "EventBridge", false},
	{"validate Validate", "Step Functions", false},
	{"resolveimage ResolveImage", "Step Functions", true},
	{"registertaskdefinition RegisterTaskDefinition", "Step Functions", true},
	{"runtask RunTask", "Step Functions", false},
	{"claim claim", "the task's start", false},
}

// ours is the way as it was played: what each invocation took until what follows began, from
// its recorded calls.
func ours(t *testing.T, name string, p played) way {
	t.Helper()
	w := way{name: name}
	var at time.Duration
	for n, on := range onTheWay {
		var inv *invocation
		for _, i := range p.invoked {
			if i.String() == on.invocation {
				inv = i
				break
			}
		}
		if inv == nil && on.skipped {
			continue
		}
		if inv == nil {
			t.Fatalf("%s: %s was not invoked", name, on.invocation)
		}
		if n == 0 {
			at = inv.began - latency(t, "API Gateway, a request")
		}
		w.stretches = append(w.stretches, stretch{on.reached, "way", at, inv.began - at})
		end := inv.ended
		for _, c := range p.all { // what hands on is the last call that the next one waits for
			handsOn := map[string]string{"webhook": "events PutEvents", "dispatch": "states StartExecution", "runtask": "ecs RunTask"}[inv.function]
			if c.by == inv && c.what == handsOn {
				end = c.began + c.took
			}
		}
		w.stretches = append(w.stretches, stretch{on.invocation, "step", inv.began, end - inv.began})
		at = end
	}
	return w
}

// peers is the way of CloudSnorkel/cdk-github-runners, by its source: its webhook function
// asks GitHub for the job's runners and starts the execution; the state machine takes a
// token, chooses and runs the task, which registers by itself. Each part takes as long as ours
// of its kind (https://github.com/CloudSnorkel/cdk-github-runners/blob/main/src/runner.ts).
func peers(t *testing.T, name, invoke string) way {
	t.Helper()
	l := func(what string) time.Duration { return latency(t, what) }
	w := way{name: name}
	add := func(what, kind string, took time.Duration) {
		w.stretches = append(w.stretches, stretch{what, kind, w.total(), took})
	}
	function := l(invoke) + l("secretsmanager")
	add("API Gateway", "way", l("API Gateway, a request"))
	add("webhook: secrets, GitHub, provider selector, StartExecution", "step", function+l("github")+l(invoke)+l("states"))
	add("Step Functions, with the reaper's message", "way", 4*l("Step Functions, a state")+l("sqs"))
	add("Get Runner Token", "step", function+l("github POST actions/runners/registration-token"))
	add("Step Functions", "way", 2*l("Step Functions, a state"))
	add("RunTask by Step Functions itself", "step", l("ecs"))
	add("the task's start", "way", l("ECS, until PENDING")+l("ECS, from PENDING to RUNNING"))
	add("config.sh registers", "step", l("the peer's config.sh"))
	return w
}

// TestCriticalPath holds the picture and the table of docs/performance.md to the calls that
// are counted and the latencies that are assumed.
func TestCriticalPath(t *testing.T) {
	var warm, cold played
	for _, p := range plays {
		switch p.name {
		case "a job":
			warm = p.run(t)
		case "a job after a pause":
			cold = p.run(t)
		}
	}
	ways := []way{
		ours(t, "ours, functions that run", warm), ours(t, "ours, functions that start", cold),
		peers(t, "the peer's shape, functions that run", "Lambda, an invocation"), peers(t, "the peer's shape, functions that start", "Lambda, a cold start"),
	}
	page := between(t, readText(t, performancePage), "<!-- critical path: made by a test of internal/calls -->\n", "<!-- end of critical path -->", pathTable(warm, ways))
	matches(t, performancePage, page)
	if *update {
		if err := os.WriteFile(pathPicture, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	matches(t, pathPicture, picture(ways))
}

func pathTable(warm played, ways []way) string {
	requests := map[string]int{}
	for _, c := range warm.all {
		requests[c.by.String()]++
	}
	var b strings.Builder
	b.WriteString("| | until RunTask has accepted | until the runner has its registration |\n| --- | --- | --- |\n")
	for _, w := range ways {
		fmt.Fprintf(&b, "| %s | %.2f s | %.1f s |\n", w.name, w.accepted().Seconds(), w.total().Seconds())
	}
	b.WriteString("\n| on our way, functions that run | reached by | requests | takes |\n| --- | --- | --- | --- |\n")
	for n, s := range ways[0].stretches {
		if s.kind == "step" {
			fmt.Fprintf(&b, "| %s | %s, %d ms | %d | %d ms |\n", s.what, ways[0].stretches[n-1].what, ways[0].stretches[n-1].took.Milliseconds(), requests[s.what], s.took.Milliseconds())
		}
	}
	return b.String()
}

// picture draws the ways to RunTask one below the other, on one scale: the task's start,
// which is longer than all else, is only written.
func picture(ways []way) string {
	const width, left, row = 1000.0, 20.0, 64.0
	var longest time.Duration
	for _, w := range ways {
		longest = max(longest, w.accepted())
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1040 %.0f" font-family="sans-serif" font-size="12" role="img" aria-label="From the webhook until RunTask has accepted the task">`+"\n", row*float64(len(ways))+40)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for n, w := range ways {
		top := 24 + row*float64(n)
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%s: RunTask after %.2f s; with the task's start and its claim %.1f s</text>`+"\n", left, top, w.name, w.accepted().Seconds(), w.total().Seconds())
		x := left
		for _, s := range w.stretches {
			if s.what == "the task's start" {
				break
			}
			wide := width * s.took.Seconds() / longest.Seconds()
			color := "#0969da"
			if s.kind == "way" {
				color = "#d0d7de"
			}
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.0f" width="%.1f" height="22" fill="%s" stroke="#fff"><title>%s: %d ms</title></rect>`+"\n", x, top+8, wide, color, s.what, s.took.Milliseconds())
			x += wide
		}
	}
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" fill="#57606a">blue: a function or a request of the state machine; grey: the way to it. Latencies are assumed, calls are counted.</text>`+"\n</svg>\n", left, row*float64(len(ways))+28)
	return b.String()
}

// accepted is the time until RunTask has accepted the task.
func (w way) accepted() (all time.Duration) {
	for _, s := range w.stretches {
		if s.what == "the task's start" {
			break
		}
		all += s.took
	}
	return all
}
