package workload

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var choice = Choice{Repositories: []string{"octo/app", "octo/lib"}, Labels: [][]string{{"self-hosted"}, {"self-hosted", "class:large"}}}

func TestMadeJobsAreThoseOfTheirSeed(t *testing.T) {
	for _, name := range Made {
		w, err := Make(name, 1, choice)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Make(name, 1, choice)
		if diff := cmp.Diff(w, again); diff != "" {
			t.Errorf("%s: another time it is (-first +second):\n%s", name, diff)
		}
		if other, _ := Make(name, 2, choice); cmp.Equal(w, other) {
			t.Errorf("%s: the seed makes no difference", name)
		}
		if !w.Made || w.Name != name || len(w.Jobs) < 100 {
			t.Errorf("%s is %+v", name, w)
		}
		for i, j := range w.Jobs {
			if j.Queued < 0 || i > 0 && j.Queued < w.Jobs[i-1].Queued || j.Takes < time.Second || !slices.Contains(choice.Repositories, j.Repository) {
				t.Fatalf("%s: job %d is %+v", name, i, j)
			}
		}
	}
	if _, err := Make("year", 1, choice); err == nil {
		t.Error("a year is made")
	}
}

func TestAWeekHasAsManyJobsAsAsked(t *testing.T) {
	if w := Week(1, 1234, choice); len(w.Jobs) != 1234 || w.Lasts() < 4*24*time.Hour || w.Lasts() > 5*24*time.Hour {
		t.Errorf("%d jobs in %s", len(w.Jobs), w.Lasts())
	}
}
