package stats

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// TestTexts are looked at: testdata has them.
func TestTexts(t *testing.T) {
	for _, by := range []By{ByClass, ByRepository} {
		c := NewCounter(by, at(10_000), time.UTC)
		for i := range 60 {
			l := ran(int64(i), []string{"small", "large"}[i%2], i, 5+i*i)
			l.Run.Job.Repository = fmt.Sprintf("octo/app-%02d", i)
			if i == 0 {
				l.Run.Job.Repository = "a/日本語" + strings.Repeat("x", 99) + "\x1b[31m\n"
			}
			if i%7 == 0 {
				l.Run.Conclusion = "failure"
				failed := fleet.Runner{RunnerID: "f-0", Phase: fleet.Closed, FailureName: []string{fleet.RunnerNoCapacity, fleet.ImageBuildFailed}[i%2]}
				l.Runners = append(l.Runners, failed)
			}
			if i%3 == 0 {
				l.Runners[0].ImageSize, l.Runners[0].Pulled = int64(151_000_000+i), int64(6000+97*i)
			}
			c.Add(l)
		}
		golden(t, "by-"+string(by), func(b *bytes.Buffer) error { return c.Stats().Text(b, readable.Screen{}) })
		golden(t, "by-"+string(by)+"-80", func(b *bytes.Buffer) error { return c.Stats().Text(b, readable.Screen{Width: 80}) })
		for _, width := range []int{40, 60} {
			golden(t, fmt.Sprintf("by-%s-%d", by, width), func(b *bytes.Buffer) error {
				err := c.Stats().Text(b, readable.Screen{Width: width})
				for line := range strings.Lines(b.String()) {
					if n := readable.Width(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%d columns of %d: %s", n, width, line)
					}
				}
				return err
			})
		}
	}
	golden(t, "nothing", func(b *bytes.Buffer) error {
		return NewCounter(ByClass, at(0), time.UTC).Stats().Text(b, readable.Screen{})
	})
}

func golden(t *testing.T, name string, write func(*bytes.Buffer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", name, diff)
	}
}
