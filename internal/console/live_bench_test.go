//go:build unix

package console

import (
	"fmt"
	"net/url"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/console/consoletest"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
)

// BenchmarkAnUpdate is what one change of the records costs the server while a page is open,
// of a fleet with 500 live runners beside a busy fleet's past: reading, rendering and finding
// the regions that differ. "%core" is what that is of one core if the records change all the
// time: the pause between two updates is a second, or so many times what one takes.
func BenchmarkAnUpdate(b *testing.B) {
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), sqlite.FileName))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	if err := consoletest.Fill(b.Context(), store, now); err != nil {
		b.Fatal(err)
	}
	if err := consoletest.FillLive(b.Context(), store, 500, now); err != nil {
		b.Fatal(err)
	}
	for _, at := range []string{"/", "/runs", "/runners?phase=open", "/runs/job-30000000007"} {
		b.Run(at, func(b *testing.B) {
			c := New(Options{Records: store, Zone: time.UTC})
			address, err := url.Parse(at)
			if err != nil {
				b.Fatal(err)
			}
			begun, bytes := cpu(b), 0
			for b.Loop() {
				bytes = 0
				for _, r := range c.built(b.Context(), address, true).Regions {
					c.live.hash(r.HTML)
					bytes += len(r.HTML)
				}
			}
			each := (cpu(b) - begun) / time.Duration(b.N)
			b.ReportMetric(float64(each.Microseconds())/1000, "cpu-ms/update")
			b.ReportMetric(100*each.Seconds()/max(lookEvery, each*costs).Seconds(), "%core")
			b.ReportMetric(float64(bytes)/1024, "KiB")
		})
	}
}

// BenchmarkPagesOfManyRuns: a page takes as long with a hundred thousand runs as with a
// thousand.
func BenchmarkPagesOfManyRuns(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), sqlite.FileName))
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		if err := consoletest.Fill(b.Context(), store, now); err != nil {
			b.Fatal(err)
		}
		if err := consoletest.FillPast(b.Context(), store, n, now); err != nil {
			b.Fatal(err)
		}
		for _, at := range []string{"/", "/runs", "/runs?repository=octo-org%2Fweb&status=completed", "/runs?status=stopped", "/runs?q=nothing", "/runners", "/repositories", "/runs/job-40000000007"} {
			b.Run(fmt.Sprintf("%d/%s", n, at), func(b *testing.B) {
				address, err := url.Parse(at)
				if err != nil {
					b.Fatal(err)
				}
				begun := cpu(b)
				for b.Loop() {
					c := New(Options{Records: store, Zone: time.UTC}) // that has read nothing yet
					if p := c.built(b.Context(), address, true); p.Status != 0 {
						b.Fatal(p.Title)
					}
				}
				b.ReportMetric(float64(((cpu(b)-begun)/time.Duration(b.N)).Microseconds())/1000, "cpu-ms/page")
			})
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the processor time of this process, garbage collection with it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
