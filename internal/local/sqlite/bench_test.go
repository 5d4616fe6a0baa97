package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/storetest"
)

// BenchmarkQuestions shows that an answer takes as long with 100,000 runs as with 1,000.
func BenchmarkQuestions(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("runs=%d", n), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), sqlite.FileName)
			writer, err := sqlite.Open(b.Context(), file)
			if err != nil {
				b.Fatal(err)
			}
			defer writer.Close()
			for from := 0; from < n; from += 500 {
				var changes fleet.Changes
				for i := from; i < min(n, from+500); i++ {
					run, runner := storetest.Past(i, n)
					changes.Runs, changes.Runners = append(changes.Runs, run), append(changes.Runners, runner)
				}
				if err := writer.Write(b.Context(), changes); err != nil {
					b.Fatal(err)
				}
			}
			if err := writer.PutSettings(b.Context(), storetest.Settings()); err != nil {
				b.Fatal(err)
			}
			reader, err := sqlite.OpenReadOnly(b.Context(), file)
			if err != nil {
				b.Fatal(err)
			}
			defer reader.Close()
			storetest.BenchmarkQuestions(b, reader, n, nil)
		})
	}
}
