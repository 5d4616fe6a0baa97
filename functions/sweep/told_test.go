package sweep_test

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What a sweep could not do is kept with its time until a later one leaves nothing.
func TestWhatASweepCouldNotDoIsKept(t *testing.T) {
	w := broken(t)
	w.GitHub.Fails["WorkflowRuns"] = errors.New("GitHub is down " + strings.Repeat("and ", 500))
	if _, err := run(w); err == nil {
		t.Fatal("it fails at nothing")
	}
	if u := usage(t, w); !strings.HasPrefix(u.Failed, "sweep jobs: ") || !strings.Contains(u.Failed, "GitHub is down") || len([]rune(u.Failed)) > 500 || !u.At.Equal(w.Now()) {
		t.Errorf("at %s: %q", u.At, u.Failed)
	}
	delete(w.GitHub.Fails, "WorkflowRuns")
	w.Pass(time.Minute)
	if _, err := run(w); err != nil {
		t.Fatal(err)
	}
	if u := usage(t, w); u.Failed != "" || !u.At.Equal(w.Now()) {
		t.Errorf("at %s: %q", u.At, u.Failed)
	}
}
