package calls

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/dynamotest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var update = flag.Bool("update", false, "write what is counted into the files that hold it")

const budgetFile = "testdata/budget.yaml"

const budgetHead = `# What each step of a job asks of AWS and of GitHub: each line is an invocation of a
# function, by what it is called for, and its requests. GitHub's are by route. Functions
# run already, unless "cold start" says otherwise.
#
# TestBudget counts them in the functions' own code and fails when a number here is no
# longer right. If a step needs one more request:
#
#     go test ./internal/calls -run TestBudget -args -update
#
# and say in the commit what it is for. Requests of the hurried functions are time that the
# job waits for; writes of DynamoDB are a fourth of what a job costs (docs/cost.md).
`

// budget is what a play may call, by its invocations.
type budget map[string]map[string]map[string]int

// TestBudget holds each step to its budget.
func TestBudget(t *testing.T) {
	text, err := os.ReadFile(budgetFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	allowed := budget{}
	if err := yaml.UnmarshalWithOptions(text, &allowed, yaml.Strict()); err != nil && !*update {
		t.Fatalf("%s: %v", budgetFile, err)
	}
	counted := budget{}
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			counted[p.name] = p.run(t).calls()
			if *update {
				return
			}
			for _, complaint := range compare(p.name, allowed[p.name], counted[p.name]) {
				t.Error(complaint)
			}
		})
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(budgetFile, []byte(budgetHead+counted.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name := range allowed {
		if !slices.ContainsFunc(plays, func(p play) bool { return p.name == name }) {
			t.Errorf("%s has %q, which no test plays", budgetFile, name)
		}
	}
}

// compare says, for each request whose number is not that of the budget, what to do.
func compare(play string, allowed, counted map[string]map[string]int) (complaints []string) {
	for _, step := range sortedKeys(allowed, counted) {
		for _, what := range sortedKeys(allowed[step], counted[step]) {
			may, does := allowed[step][what], counted[step][what]
			if may == does {
				continue
			}
			advice := "lower the number: go test ./internal/calls -run TestBudget -args -update"
			if does > may {
				advice = "leave the request out or, if the step needs it, write it in with go test ./internal/calls -run TestBudget -args -update and say in the commit what it is for"
			}
			complaints = append(complaints, fmt.Sprintf("%s: %s requests %s %s, and %s has %d; %s", play, step, what, times(does), budgetFile, may, advice))
		}
	}
	return complaints
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 0:
		return "never"
	}
	return fmt.Sprintf("%d times", n)
}

func sortedKeys[V any](a, b map[string]V) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// text is the budget as a person reads it, in the order of the plays.
func (b budget) text() string {
	var out strings.Builder
	for _, p := range plays {
		fmt.Fprintf(&out, "\n# %s\n%s:\n", p.about, p.name)
		for _, step := range slices.Sorted(maps.Keys(b[p.name])) {
			var requests []string
			for _, what := range slices.Sorted(maps.Keys(b[p.name][step])) {
				requests = append(requests, fmt.Sprintf("%s: %d", what, b[p.name][step][what]))
			}
			fmt.Fprintf(&out, "  %s: {%s}\n", step, strings.Join(requests, ", "))
		}
	}
	return out.String()
}

// TestTheBudgetNotices: what it complains about has the step, the request, and what to do.
func TestTheBudgetNotices(t *testing.T) {
	allowed := map[string]map[string]int{"validate Validate": {"dynamodb GetItem": 4}}
	for name, c := range map[string]struct {
		counted map[string]map[string]int
		want    []string
	}{
		"as allowed": {map[string]map[string]int{"validate Validate": {"dynamodb GetItem": 4}}, nil},
		"one more": {map[string]map[string]int{"validate Validate": {"dynamodb GetItem": 5}},
			[]string{"a job: validate Validate requests dynamodb GetItem 5 times, and testdata/budget.yaml has 4; leave the request out or"}},
		"one less": {map[string]map[string]int{"validate Validate": {"dynamodb GetItem": 3}},
			[]string{"a job: validate Validate requests dynamodb GetItem 3 times, and testdata/budget.yaml has 4; lower the number"}},
		"a step that is new": {map[string]map[string]int{"validate Validate": {"dynamodb GetItem": 4}, "x Y": {"s Z": 1}},
			[]string{"a job: x Y requests s Z once, and testdata/budget.yaml has 0; leave"}},
		"a step that is gone": {nil, []string{"a job: validate Validate requests dynamodb GetItem never, and testdata/budget.yaml has 4; lower"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := compare("a job", allowed, c.counted)
			if len(got) != len(c.want) {
				t.Fatalf("complains %q", got)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("complains %q, want %q", got[i], want)
				}
			}
		})
	}
}

// played is what came of a play.
type played struct {
	all     []call
	invoked []*invocation
}

func (p played) calls() map[string]map[string]int {
	out := map[string]map[string]int{}
	for _, c := range p.all {
		step := c.by.String()
		if out[step] == nil {
			out[step] = map[string]int{}
		}
		out[step][c.what]++
	}
	used := p.units()
	out[inAll] = map[string]int{"read units": int(math.Ceil(used.Read)), "write units": int(used.Write)}
	return out
}

// inAll is DynamoDB's bill for a play.
const inAll = "DynamoDB in all"

// units are those of DynamoDB.
func (p played) units() (used dynamotest.Units) {
	for _, c := range p.all {
		used = used.Add(c.used)
	}
	return used
}

// play is one way that a job may go.
type play struct {
	name, about string
	policy      func(*fleet.Policy)
	with        func(*world)
	cold        bool // functions do not run yet
	stopped     bool // they ran another job, and do not run any more
	act         func(*world)
}

// run plays it on functions that have run another job before, unless they are cold.
func (p play) run(t *testing.T) (out played) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		policy := thePolicy()
		if p.policy != nil {
			p.policy(&policy)
		}
		w := newWorld(t, policy)
		defer w.close()
		if !p.cold {
			w.base(false)
			w.github.queue(1, 5*time.Second)
			w.await(1)
			w.sweep()
			w.forget()
		}
		if p.stopped {
			w.stop()
		}
		if p.with != nil {
			p.with(w)
		}
		p.act(w)
		out = w.played()
	})
	return out
}

// plays are what the budget has.
var plays = []play{
	{
		name: "a job", about: "A job whose image is there, and which gets the runner that was launched for it.",
		act: func(w *world) { w.github.queue(7, time.Minute); w.await(7) },
	},
	{
		name: "a job that signs its claim", about: "The same, with an image whose entrypoint shows which task it is in.",
		with: func(w *world) { w.base(true) },
		act:  func(w *world) { w.github.queue(7, time.Minute); w.await(7) },
	},
	{
		name: "a job after a pause", about: "The first after some hours: no function runs any more.", stopped: true,
		act: func(w *world) { w.github.queue(7, time.Minute); w.await(7) },
	},
	{
		name: "a job whose image is built first", about: "Its base image is named by a label and was never built.",
		act: func(w *world) { w.github.queue(7, time.Minute, "image:node:22"); w.await(7) },
	},
	{
		name: "a job for which Spot has no room", about: "RunTask is refused, and starts the task on demand when it is tried again.",
		with: func(w *world) {
			w.ecs.refuse = func(provider string) string {
				if provider == "FARGATE_SPOT" {
					return "Capacity is unavailable at this time. Please try again later or in a different availability zone"
				}
				return ""
			}
		},
		act: func(w *world) { w.github.queue(7, time.Minute, "class:spot"); w.await(7) },
	},
	{
		name: "a job whose task Spot takes back", about: "Its task is stopped before it has the job, and the sweep launches the next runner.",
		with: func(w *world) { w.ecs.takeBack = true },
		act: func(w *world) {
			w.github.queue(7, time.Minute, "class:spot")
			for range 8 {
				time.Sleep(time.Minute)
				w.sweep()
			}
			w.await(7)
		},
	},
	{
		name: "two jobs that swap their runners", about: "GitHub gives each of two jobs the runner that was launched for the other.",
		with: func(w *world) { w.github.gives = map[string]int64{"ci-7-1": 8, "ci-8-1": 7} },
		act: func(w *world) {
			w.github.queue(7, time.Minute)
			time.Sleep(20 * time.Second)
			w.github.queue(8, time.Minute)
			w.await(7, 8)
		},
	},
	{
		name: "a job without room", about: "It waits until the runner of another job has closed: the requests of both.",
		policy: func(p *fleet.Policy) { p.MaxRunners = 1 },
		act: func(w *world) {
			w.github.queue(7, time.Minute)
			time.Sleep(20 * time.Second)
			w.github.queue(8, time.Minute)
			w.await(7, 8)
		},
	},
	{
		name: "a job that is refused", about: "Policy admits it no longer when its runner is launched: no class has that name.",
		act: func(w *world) { w.github.queue(7, time.Minute, "class:huge"); w.await(7) },
	},
	{
		name: "a job that is cancelled while it waits", about: "It is cancelled before its container is up.",
		act: func(w *world) {
			w.github.queue(7, time.Minute)
			time.Sleep(20 * time.Second)
			w.github.end(7, "cancelled")
			w.await(7)
		},
	},
	{
		name: "a quiet minute", about: "One sweep of a fleet that has nothing to do.",
		act: func(w *world) { time.Sleep(time.Minute); w.sweep() },
	},
	{
		name: "the first job", about: "No function runs yet, and there is no task definition.", cold: true,
		with: func(w *world) { w.base(false) },
		act:  func(w *world) { w.github.queue(7, time.Minute); w.await(7) },
	},
}

// base records the base image.
func (w *world) base(identity bool) {
	w.t.Helper()
	spec := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base", Arch: fleet.X64}
	record, _, err := w.records.Image(w.t.Context(), spec.Tag())
	if err != nil {
		w.t.Fatal(err)
	}
	record.Tag, record.Spec, record.Revision, record.Digest, record.UsedAt, record.Identity = spec.Tag(), spec, 1, theDigest, time.Now(), identity
	record.BuiltAt, record.RunnerVersion = time.Now(), "2.340.0"
	if err := w.records.PutImage(w.t.Context(), record); err != nil {
		w.t.Fatal(err)
	}
}

// sweep is the schedule.
func (w *world) sweep() {
	w.t.Helper()
	if _, err := w.invoke(w.t.Context(), "sweep", "each minute", []byte("{}")); err != nil {
		w.t.Errorf("sweep: %v", err)
	}
}
