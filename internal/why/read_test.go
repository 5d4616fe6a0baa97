package why

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// byKey is a Source that has records by their keys only: whoever lists runs, runners or
// images dies, and so would the time of an answer with many of them.
type byKey struct {
	report.Source
	w *world
}

func (s byKey) Settings(context.Context) (report.Settings, error) {
	p := s.w.policy
	return report.Settings{FleetName: p.FleetName, Repositories: p.Repositories, MaxRunners: p.MaxRunners, ClassSizes: p.Classes, Policy: &p}, nil
}

func (s byKey) Run(_ context.Context, runID string) (fleet.Run, bool, error) {
	for _, run := range s.w.runs {
		if run.RunID == runID && !s.w.withheld {
			return run, true, nil
		}
	}
	return fleet.Run{}, false, nil
}

func (s byKey) Runner(_ context.Context, id string) (fleet.Runner, bool, error) {
	i := slices.IndexFunc(s.w.runners, func(r fleet.Runner) bool { return r.RunnerID == id })
	if i < 0 || s.w.withheld {
		return fleet.Runner{}, false, nil
	}
	return s.w.runners[i], true, nil
}

func (s byKey) RunnersOf(_ context.Context, runID string) (of []fleet.Runner, _ error) {
	for _, r := range s.w.runners {
		if r.RunID == runID {
			of = append(of, r)
		}
	}
	return of, nil
}

func (s byKey) Capacity(context.Context) (fleet.Capacity, error) { return s.w.capacity, nil }

func (s byKey) HoldsBelow(_ context.Context, prefix string, limit int) ([]fleet.Hold, error) {
	if h, ok := s.w.holds[prefix]; ok && limit == 1 {
		return []fleet.Hold{h}, nil
	}
	return nil, nil
}

func (s byKey) Image(context.Context, string) (fleet.ImageRecord, bool, error) {
	if s.w.record == nil {
		return fleet.ImageRecord{}, false, nil
	}
	return *s.w.record, true, nil
}

func (s byKey) BuildLock(context.Context, string) (fleet.BuildLock, error) { return s.w.lock, nil }

// TestReadFindsWhatAnAnswerNeeds: of each situation the records give the same page.
func TestReadFindsWhatAnAnswerNeeds(t *testing.T) {
	for situation, build := range situations {
		w := build()
		want := w.facts()
		got, err := Read(t.Context(), byKey{w: w}, want.Subject, w.now)
		if err != nil {
			t.Fatal(err)
		}
		got.Flags, got.GitHub, got.Labels = want.Flags, want.GitHub, want.Labels
		if diff := cmp.Diff(page(t, Of(want)), page(t, Of(got))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", situation, diff)
		}
	}
}

func TestMayAsk(t *testing.T) {
	several := fleet.Policy{Repositories: []string{"octo-org/app", "octo-org/web"}}
	one := fleet.Policy{Repositories: []string{"octo-org/app"}}
	for name, c := range map[string]struct {
		text   string
		policy fleet.Policy
		want   string
	}{
		"a URL of a repository that is served":                       {"https://github.com/octo-org/web/actions/runs/1/job/2", several, "octo-org/web"},
		"a URL of a repository that is not served":                   {"https://github.com/octo-org/secret/actions/runs/1/job/2", several, ""},
		"a URL of another GitHub, which must not see the credential": {"https://github.example.com/octo-org/app/actions/runs/1/job/2", several, ""},
		"an id, with one repository":                                 {"2", one, "octo-org/app"},
		"an id, with several":                                        {"2", several, ""},
		"a runner":                                                   {"ci-2-1", one, ""},
	} {
		subject, err := ParseSubject(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, whyNot := Facts{Subject: subject, Policy: c.policy}.MayAsk()
		if got != c.want || (whyNot == "") != (c.want != "") {
			t.Errorf("%s: %q, %q, want %q", name, got, whyNot, c.want)
		}
	}
}
