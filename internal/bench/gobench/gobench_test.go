package gobench

import (
	"strings"
	"testing"
)

const before = `goos: linux
pkg: example.com/fleet/internal/engine
BenchmarkRunnerLife-2   	100	 200000 ns/op	 20000 B/op	 100 allocs/op
BenchmarkRunnerLife-2   	100	 100000 ns/op	 20000 B/op	 100 allocs/op
BenchmarkRunnerLife-2   	100	 900000 ns/op	 20000 B/op	 100 allocs/op
PASS
`

const after = `pkg: example.com/fleet/internal/engine
BenchmarkRunnerLife-2   	100	 100000 ns/op	 10000 B/op	 0 allocs/op
pkg: example.com/fleet/internal/local/sqlite
BenchmarkDurableTransition-2   	100	0 ns/op	 3000000 ns/transition	 3.5 transition/commit
BenchmarkQuestions/runs=1000-2   	100	 50 ns/op
`

func TestTable(t *testing.T) {
	was, err := Read(strings.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}
	now, err := Read(strings.NewReader(after))
	if err != nil {
		t.Fatal(err)
	}
	want := `| benchmark | time | of the baseline | allocated | of the baseline | allocations | of the baseline |
| --- | --- | --- | --- | --- | --- | --- |
| engine RunnerLife | 100.0 µs | 0.50 | 9.8 KiB | 0.50 | 0 | 0.00 |
| sqlite DurableTransition | 3.0 ms | new |  |  |  |  |
| sqlite Questions/runs=1000 | 50 ns | new |  |  |  |  |
`
	want = strings.Replace(want, "9.8 KiB", "10000 B", 1)
	if got := now.Table(was).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if ratio, ok := now.Metric("sqlite DurableTransition", "transition/commit"); !ok || ratio != 3.5 {
		t.Errorf("its own metric is %g (%t)", ratio, ok)
	}
}

func TestNamesAreWithoutTheNumberOfProcessors(t *testing.T) {
	for text, want := range map[string]string{
		"BenchmarkClaim-2": "Claim", "BenchmarkClaim": "Claim", "BenchmarkParse/7-KB-16": "Parse/7-KB", "BenchmarkParse/7-KB": "Parse/7-KB",
	} {
		if got := nameOf(text); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}
