package simgithub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simgithub"
)

const (
	app   = "octo/app"
	other = "octo/other"
	base  = "https://api.github.com"
)

var labels = []string{"self-hosted", "class:small"}

// world is a GitHub with two repositories, two credentials and a receiver of webhooks.
type world struct {
	*simgithub.GitHub
	t     testing.TB
	k     *kernel.Kernel
	trace []string
	got   []webhook
	// answer is what webhooks are answered with; 0 is silence.
	answer int
	token  string
}

// webhook is what the receiver got.
type webhook struct {
	header http.Header
	body   []byte
	Action string `json:"action"`
	Job    struct {
		ID          int64    `json:"id"`
		RunAttempt  int      `json:"run_attempt"`
		Status      string   `json:"status"`
		Conclusion  string   `json:"conclusion"`
		RunnerID    *int64   `json:"runner_id"`
		RunnerName  string   `json:"runner_name"`
		RunnerGroup string   `json:"runner_group_name"`
		Steps       []any    `json:"steps"`
		Labels      []string `json:"labels"`
		CreatedAt   string   `json:"created_at"`
		StartedAt   string   `json:"started_at"`
		CompletedAt string   `json:"completed_at"`
	} `json:"workflow_job"`
	Repository struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
		Private  bool   `json:"private"`
		Fork     bool   `json:"fork"`
	} `json:"repository"`
}

func config() simgithub.Config {
	return simgithub.Config{
		Repositories: []simgithub.Repository{{Name: app, Private: true}, {Name: other}},
		Credentials:  []simgithub.Credential{{Name: "fleet", Token: "t1"}, {Name: "narrow", Token: "t2", Sees: []string{other}}},
		HookSecret:   "secret", HookURL: "https://hooks.example/webhook",
	}
}

func newWorld(t testing.TB, plan ...kernel.Fault) *world { return worldOf(t, config(), plan...) }

func worldOf(t testing.TB, cfg simgithub.Config, plan ...kernel.Fault) *world {
	t.Helper()
	if err := kernel.CheckPlan(plan, simgithub.Kinds); err != nil {
		t.Fatal(err)
	}
	k := kernel.New(1, plan)
	w := &world{GitHub: simgithub.New(k, cfg), t: t, k: k, answer: http.StatusAccepted, token: "t1"}
	k.Trace = func(at time.Time, line string) {
		w.trace = append(w.trace, fmt.Sprintf("%s %s", at.Sub(kernel.Epoch), line))
	}
	w.Deliver = func(header http.Header, body []byte, answered func(int)) {
		one := webhook{header: header, body: body}
		if err := json.Unmarshal(body, &one); err != nil {
			t.Fatalf("webhook %s: %v", body, err)
		}
		w.got = append(w.got, one)
		if w.answer != 0 {
			answered(w.answer)
		}
	}
	t.Cleanup(k.Close)
	return w
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	for until := w.k.Now().Add(d); w.k.Step(until); {
	}
}

// do runs code as a process, which is what the fleet's functions are, to its end.
func (w *world) do(body func()) {
	w.t.Helper()
	done := false
	w.k.Go(&kernel.Process{Name: "test"}, func() {
		body()
		done = true
	}, nil)
	for !done {
		if !w.k.Step(w.k.Now().Add(time.Hour)) {
			w.t.Fatal("the process did not come to its end")
		}
	}
}

func (w *world) client() *github.Client {
	return github.New(base, github.PAT(func(context.Context) (string, error) { return w.token, nil }), &http.Client{Transport: w})
}

func (w *world) fleet() github.ForFleet { return github.ForFleet{Client: w.client()} }

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// ask sends one request as it is, without following redirects.
func (w *world) ask(method, path string, header ...string) (r reply) {
	w.t.Helper()
	w.do(func() { r = w.askNow(method, path, "", header...) })
	return r
}

func (w *world) askNow(method, path, body string, header ...string) reply {
	if strings.HasPrefix(path, "/") {
		path = base + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test")
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := w.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	var content bytes.Buffer
	if _, err := io.Copy(&content, resp.Body); err != nil {
		w.t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: content.String()}
}

// register asks for a registration, which has to work.
func (w *world) register(name string) (id int64, config string) {
	w.t.Helper()
	var err error
	w.do(func() {
		registration, encoded, problem := w.fleet().Register(context.Background(), app, name, labels)
		id, config, err = registration.ID, encoded, problem
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id, config
}

// runner is a container's program: it takes what it is offered.
type runner struct {
	id        int64
	session   *simgithub.Session
	jobs      []int64
	cancelled []int64
	deleted   bool
	refuses   bool // leaves what it is offered
}

func (w *world) runner(name string) *runner {
	w.t.Helper()
	r := &runner{}
	var encoded string
	r.id, encoded = w.register(name)
	w.connect(r, encoded)
	return r
}

func (w *world) connect(r *runner, encoded string) {
	w.t.Helper()
	session, err := w.Connect(encoded, simgithub.Events{
		Job: func(id int64) {
			if !r.refuses && r.session.Accept() {
				r.jobs = append(r.jobs, id)
			}
		},
		Cancelled: func(id int64) { r.cancelled = append(r.cancelled, id) },
		Deleted:   func() { r.deleted = true },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r.session = session
}

func (w *world) queue(spec simgithub.JobSpec) int64 {
	if spec.Repository == "" && spec.RunID == 0 {
		spec.Repository = app
	}
	if spec.Labels == nil {
		spec.Labels = labels
	}
	return w.Queue(spec)
}

// sent lists the webhooks of a job by their actions.
func (w *world) sent(job int64) (actions []string) {
	for _, one := range w.got {
		if one.Job.ID == job {
			actions = append(actions, one.Action)
		}
	}
	return actions
}

func (w *world) job(id int64) simgithub.Job {
	w.t.Helper()
	j, ok := w.Job(id)
	if !ok {
		w.t.Fatalf("there is no job %d", id)
	}
	return j
}

// rest is a job as the REST API shows it.
func (w *world) rest(id int64) (j github.Job) {
	w.t.Helper()
	var err error
	w.do(func() {
		j, err = w.client().GetJob(context.Background(), github.Repository{Owner: "octo", Name: "app"}, id)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) traced(text string) bool {
	return slices.ContainsFunc(w.trace, func(line string) bool { return strings.Contains(line, text) })
}

func duration(d time.Duration) kernel.Duration { return kernel.Duration{Duration: d} }

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func sameList[T comparable](t testing.TB, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// facts is a table of published facts about GitHub: sentences, and what shows them.
type facts map[string]func(t *testing.T, w *world)

func (f facts) check(t *testing.T, plan ...kernel.Fault) {
	for sentence, shows := range f {
		t.Run(sentence, func(t *testing.T) { shows(t, newWorld(t, plan...)) })
	}
}

// spawn starts a process.
func (w *world) spawn(body, ended func()) {
	w.k.Go(&kernel.Process{Name: "test"}, body, func(string) { ended() })
}
