package fleet

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// MaxFleetName is the most characters of a fleet name. It leaves room for a
// 19-digit job id and two counters within the 64 characters that GitHub allows
// a runner name (the server enforces it; it is not in GitHub's API description).
const MaxFleetName = 20

var fleetName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// CheckFleetName refuses a name that cannot be part of a runner name, of an execution
// name and of an ECS startedBy.
func CheckFleetName(name string) error {
	if len(name) > MaxFleetName || !fleetName.MatchString(name) {
		return fmt.Errorf("%q: use 1 to %d of a-z, 0-9 and -, beginning and ending with a letter or digit", name, MaxFleetName)
	}
	return nil
}

// RunID is the id of the run that records a job. Every attempt of a job has a
// job id of its own.
func RunID(jobID int64) string { return "job-" + strconv.FormatInt(jobID, 10) }

// RunnerID names the n-th runner launched for a job: its record, its execution and the
// ECS startedBy.
func RunnerID(fleetName string, jobID int64, n int) string {
	return fmt.Sprintf("%s-%d-%d", fleetName, jobID, n)
}

// RunnerName is the GitHub name of a runner's k-th registration. A name is
// never used twice: GitHub's removal of an old registration lags behind.
func RunnerName(runnerID string, k int) string { return fmt.Sprintf("%s.%d", runnerID, k) }

// warmSlot begins the slot in the id of a warm runner.
const warmSlot = "w"

var runnerName = regexp.MustCompile(`^(.+)-(w[1-9][0-9]{0,3}|[1-9][0-9]{0,18})-([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,8}))?$`)

// WarmID names a warm runner: the n-th of the fleet, in a slot that no other idle one has.
func WarmID(fleetName string, slot, n int) string {
	return fmt.Sprintf("%s-w%d-%d", fleetName, slot, n)
}

// ParseRunnerID splits a runner id, or the GitHub name of one of its registrations. A warm
// runner was launched for no job: its jobID is 0. ok is false for every name that is not of
// this fleet.
func ParseRunnerID(fleetName, name string) (runnerID string, jobID int64, ok bool) {
	m := runnerName.FindStringSubmatch(name)
	if m == nil || m[1] != fleetName {
		return "", 0, false
	}
	id, _, _ := strings.Cut(name, ".")
	if strings.HasPrefix(m[2], warmSlot) {
		return id, 0, true
	}
	jobID, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return "", 0, false
	}
	return id, jobID, true
}
