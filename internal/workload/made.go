package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Made names the workloads that Make makes.
var Made = []string{"burst", "day"}

// Choice is what made jobs ask for.
type Choice struct {
	Repositories []string
	// Labels are sets of labels. The first is that of most jobs.
	Labels [][]string
}

// Make makes a workload from a seed: one seed makes the same jobs everywhere.
//
// burst is 200 jobs in two minutes, as when a monorepo's pipeline fans out. day is 400 jobs
// of a working day: pushes between 7:00 and 19:00, most of them before and after noon, each a
// workflow run of one to eight jobs. Jobs take 4 minutes at the median, and one in twenty
// more than 20.
func Make(name string, seed uint64, from Choice) (Workload, error) {
	m := maker{rand.New(rand.NewPCG(seed, 0x6a6f6273)), from}
	switch name {
	case "burst":
		return m.burst(200, 2*time.Minute), nil
	case "day":
		w := m.days(1, 400)
		w.Name = name
		return w, nil
	}
	return Workload{}, fmt.Errorf("no workload %q is made; there are %v, or a CSV file", name, Made)
}

// Week makes a working week of so many jobs, for measurements.
func Week(seed uint64, jobs int, from Choice) Workload {
	w := maker{rand.New(rand.NewPCG(seed, 0x6a6f6273)), from}.days(5, jobs)
	w.Name = "week"
	return w
}

type maker struct {
	*rand.Rand
	from Choice
}

// labels are the first set for three jobs of four.
func (m maker) labels() []string {
	if n := len(m.from.Labels); n > 1 && m.IntN(4) == 0 {
		return m.from.Labels[1+m.IntN(n-1)]
	}
	return m.from.Labels[0]
}

// takes is log-normal: most jobs are short, and some are long.
func (m maker) takes() time.Duration {
	minutes := 4 * math.Exp(m.NormFloat64())
	return max(5*time.Second, time.Duration(min(minutes, 120)*float64(time.Minute)).Round(time.Second))
}

func (m maker) repository() string { return m.from.Repositories[m.IntN(len(m.from.Repositories))] }

func (m maker) burst(jobs int, within time.Duration) Workload {
	w := Workload{Name: "burst", Made: true}
	repository := m.from.Repositories[0]
	for range jobs {
		at := time.Duration(m.Float64() * float64(within)).Round(time.Second)
		w.Jobs = append(w.Jobs, Job{Repository: repository, Labels: m.labels(), Queued: at, Takes: m.takes(), Run: "burst"})
	}
	w.Jobs = inOrder(w.Jobs)
	return w
}

// days makes working days, the first of which begins at 7:00.
func (m maker) days(days, jobs int) Workload {
	w := Workload{Made: true}
	for run := 1; len(w.Jobs) < jobs; run++ {
		hours := 4*(m.Float64()+m.Float64()) - 1 // around 10:00, from 6:00 on
		if m.IntN(2) == 0 {
			hours += 4.5 // around 14:30
		}
		hours = min(max(hours, 0), 12)
		at := time.Duration(m.IntN(days))*24*time.Hour + time.Duration(hours*float64(time.Hour)).Round(time.Second)
		repository, of := m.repository(), min(1+m.IntN(8), jobs-len(w.Jobs))
		for range of {
			queued := at + time.Duration(m.IntN(3))*time.Second
			w.Jobs = append(w.Jobs, Job{Repository: repository, Labels: m.labels(), Queued: queued, Takes: m.takes(), Run: fmt.Sprint(run)})
		}
	}
	w.Jobs = inOrder(w.Jobs)
	return w
}
