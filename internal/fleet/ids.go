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

// WarmID names a warm runner: the n-th of the fleet, in a slot that no other idle one has.
func WarmID(fleetName string, slot, n int) string {
	return fmt.Sprintf("%s-w%d-%d", fleetName, slot, n)
}

// ParseRunnerID splits a runner id, or the GitHub name of one of its registrations. A warm
// runner was launched for no job: its jobID is 0. ok is false for every name that is not of
// this fleet.
func ParseRunnerID(fleetName, name string) (runnerID string, jobID int64, ok bool) {
	if fleetName == "" || len(name) <= len(fleetName) || name[:len(fleetName)] != fleetName || name[len(fleetName)] != '-' {
		return "", 0, false
	}
	own, registration, registered := strings.Cut(name[len(fleetName)+1:], ".")
	id := name[:len(fleetName)+1+len(own)]
	slot, count, ok := strings.Cut(own, "-")
	if !ok || !isCount(count, 9) || registered && !isCount(registration, 9) {
		return "", 0, false
	}
	if warm, ok := strings.CutPrefix(slot, warmSlot); ok && isCount(warm, 4) {
		return id, 0, true
	}
	if !isCount(slot, 19) {
		return "", 0, false
	}
	jobID, err := strconv.ParseInt(slot, 10, 64)
	if err != nil {
		return "", 0, false
	}
	return id, jobID, true
}

// isCount reports whether a text is a number from 1 on as this package writes it, of at most
// so many digits.
func isCount(text string, most int) bool {
	if text == "" || len(text) > most || text[0] == '0' {
		return false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
