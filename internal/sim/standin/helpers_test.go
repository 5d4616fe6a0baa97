package standin_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/contract"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim/standin"
)

const variable = "ACTIONS_RUNNER_INPUT_JITCONFIG"

// world is a simulated GitHub, its client, and a place for stand-ins.
type world struct {
	*sim.Server
	t      *testing.T
	client *github.Client
	repo   github.Repository
	dir    string
}

func newWorld(t *testing.T, cfg sim.Config) *world {
	t.Helper()
	cfg.Repository, cfg.Token = "octo/widgets", "ghp_simulated"
	server := httptest.NewUnstartedServer(nil)
	cfg.URL = "http://" + server.Listener.Addr().String()
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = contract.New(t).Handler(s)
	server.Start()
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	base, err := github.APIBase(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	token := github.PAT(func(context.Context) (string, error) { return cfg.Token, nil })
	return &world{
		Server: s, t: t, client: github.New(base, token, nil), dir: t.TempDir(),
		repo: github.Repository{Owner: "octo", Name: "widgets"},
	}
}

// register makes a JIT config for a runner.
func (w *world) register(name string, labels ...string) github.JITConfig {
	w.t.Helper()
	config, err := w.client.GenerateJITConfig(w.t.Context(), w.repo, github.JITRequest{Name: name, RunnerGroupID: 1, Labels: labels})
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

// run is a stand-in in this process.
func (w *world) run(ctx context.Context, config string, change ...func(*standin.Config)) (code int, stdout string) {
	var out bytes.Buffer
	cfg := standin.Config{
		Getenv: func(name string) string {
			return map[string]string{variable: config, "PATH": os.Getenv("PATH")}[name]
		},
		Environ: []string{"PATH=" + os.Getenv("PATH"), variable + "=" + config, "INHERITED=yes"},
		Stdout:  &out, Dir: w.dir, RetryEvery: time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	code = standin.Run(ctx, cfg)
	return code, out.String()
}

// job runs one job with these steps from beginning to end and returns it and
// its log, without the simulator's own lines.
func (w *world) job(steps ...sim.StepSpec) (sim.Job, []string) {
	w.t.Helper()
	id := w.Queue(sim.JobSpec{Name: "j", Key: "j", Workflow: "w", Labels: []string{"x"}, Env: map[string]string{"COLOR": "green"}, Steps: steps})
	if code, out := w.run(w.t.Context(), w.register("r", "x").EncodedJITConfig); code != standin.ExitOK {
		w.t.Fatalf("exit status %d: %s", code, out)
	}
	job, _ := w.Job(id)
	var log []string
	for _, line := range w.JobLog(id) {
		if !strings.HasPrefix(line, "simulated GitHub: ") {
			log = append(log, line)
		}
	}
	return job, log
}

func conclusions(job sim.Job) string {
	var all []string
	for _, step := range job.Steps[1 : len(job.Steps)-1] {
		all = append(all, step.Conclusion)
	}
	return job.Conclusion + ": " + strings.Join(all, " ")
}

// output returns the log without what the runner says about the steps.
func output(log []string) string {
	var lines []string
	inGroup := false
	for _, line := range log {
		switch {
		case strings.HasPrefix(line, "##[group]"):
			inGroup = true
		case line == "##[endgroup]":
			inGroup = false
		case !inGroup:
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func sh(script string) sim.StepSpec { return sim.StepSpec{Run: script, Shell: "sh"} }
