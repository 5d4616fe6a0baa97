package bench

import (
	"math"
	"slices"
	"time"
)

// Result is what was measured. Times are milliseconds, sizes bytes.
type Result struct {
	Jobs        int `json:"jobs"`
	Concurrency int `json:"concurrency"`
	// JobSeconds is how long a job takes.
	JobSeconds float64 `json:"job_seconds"`
	Records    int     `json:"records"` // ended runs in the database at the start

	// StandIns are what was not the real thing.
	StandIns []string `json:"stand_ins"`
	Machine  Machine  `json:"machine"`

	Seconds   float64 `json:"seconds"`
	JobRate   float64 `json:"jobs_per_second"`
	Webhooks  int     `json:"webhooks"`
	HookRate  float64 `json:"webhooks_per_second"`
	Errors    int     `json:"errors"`   // jobs, webhooks and log lines
	Warnings  int     `json:"warnings"` // in the fleet's log
	FirstOops string  `json:"first_error,omitempty"`
	// TooLate are runners that ended because another one had taken their job: GitHub gives a
	// job to whichever runner asks first.
	TooLate int `json:"runners_too_late"`

	// Overhead is from the webhook that a job is queued, as it is sent, until its runner is
	// started: the fleet's own part of what a job waits.
	Overhead Percentiles `json:"overhead_ms"`
	// StandInPart is from the start of a runner until its process has ended: the runner and
	// GitHub, with the fleet's answer to the claim in it.
	StandInPart Percentiles `json:"runner_ms"`
	// Closing is from there until the fleet has closed the runner's record.
	Closing Percentiles `json:"closing_ms"`
	// Job is from the webhook until the job's run is closed.
	Job Percentiles `json:"job_ms"`

	Live Live `json:"live"`

	CPUPerJob    float64 `json:"cpu_ms_per_job"`           // of the fleet's process
	StandInsCPU  float64 `json:"stand_ins_cpu_ms_per_job"` // of the stand-ins' process
	PeakResident int64   `json:"peak_resident_bytes"`      // of the fleet's process
	Database     int64   `json:"database_bytes"`
}

// Live is what live runners cost the fleet's process: what it holds with them, less what
// it held without. The runners' own processes are not in it.
type Live struct {
	Runners     int     `json:"runners"`
	Heap        int64   `json:"heap_bytes_per_runner"`     // Go's heap and stacks
	Resident    int64   `json:"resident_bytes_per_runner"` // with SQLite's memory; 0 if the system does not say
	Descriptors float64 `json:"descriptors_per_runner"`
	Goroutines  float64 `json:"goroutines_per_runner"`
}

// Machine is where it was measured.
type Machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Processors int    `json:"processors"`
	Go         string `json:"go"`
	// Load is how many processes wanted a processor when the jobs began, over a minute, five
	// and fifteen; "" if the system does not say.
	Load string `json:"load_average,omitempty"`
}

// Percentiles are of the nearest rank: each is a time that was measured.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func percentiles(of []time.Duration) Percentiles {
	if len(of) == 0 {
		return Percentiles{}
	}
	slices.Sort(of)
	at := func(share float64) float64 {
		return milliseconds(of[max(0, int(math.Ceil(share*float64(len(of))))-1)])
	}
	return Percentiles{P50: at(.5), P95: at(.95), P99: at(.99), Max: at(1)}
}

func milliseconds(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/10) / 100 }

func round(f float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(f*scale) / scale
}
