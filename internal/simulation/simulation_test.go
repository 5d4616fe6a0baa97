package simulation

import (
	"testing"
)

// BenchmarkHistories plays the first seeds, one history a turn.
func BenchmarkHistories(b *testing.B) {
	jobs, seed := 0, uint64(0)
	for b.Loop() {
		seed++
		jobs += Run(History(seed), seed, Watch{}).Jobs
	}
	b.ReportMetric(float64(jobs)/float64(b.N), "jobs/op")
}
