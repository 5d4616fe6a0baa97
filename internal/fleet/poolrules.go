package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// PoolErrors say why classes have no warm runners.
type PoolErrors []PoolError

// PoolError says why a class has no warm runners.
type PoolError struct {
	Class string
	Err   error
}

func (e PoolError) Error() string { return "class " + e.Class + ": " + e.Err.Error() }

func (e PoolErrors) Error() string {
	var lines []string
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "; ")
}

// noPools is why the fleet must not keep warm runners, nil if it may keep these: GitHub gives
// an idle runner every job with its labels, whatever policy says of the job.
func (p Policy) noPools(pools []Pool) error {
	switch {
	case p.AllowPublic:
		return errors.New("idle runners do not go with allow_public_repositories: GitHub would give them the jobs of pull requests from forks; serve public repositories with a fleet of their own")
	case p.SharedPlace() != "" && p.RunnerGroup == "":
		return errors.New("idle runners of an organization or enterprise need a runner_group: GitHub gives them jobs of every repository that may use their group")
	case p.RequiredLabel != "":
		return errors.New("idle runners do not go with required_label: GitHub would give them jobs that ask only for self-hosted, and their hook would end those")
	case !p.EnforcePolicy:
		return errors.New("idle runners need enforce_policy: true: GitHub gives an idle runner refused jobs too, those of forks among them if its repository becomes public, and only its hook ends them")
	}
	if size := sizeOf(pools); size > mostIdleBytes {
		return fmt.Errorf("the idle runners and their pools would take %d KB in the record that each launch reads and writes, and it has %d KB for them; lower a count, or name repositories below warm", size/1024, mostIdleBytes/1024)
	}
	return nil
}

// mostIdleBytes bounds idle runners and the states of pools in the record of the capacity,
// which has open runners and turns by repository too. DynamoDB takes items of up to 400 KB
// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
const mostIdleBytes = 200 * 1024

// mostOfState is how many bytes the state of a pool takes, with its last failure.
const mostOfState = 400 + mostFailure

// sizeOf is how many bytes full pools take in the record, at most.
func sizeOf(pools []Pool) (size int) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)
	for _, pool := range pools {
		text, err := json.Marshal(map[string]WarmRunner{WarmID(strings.Repeat("f", MaxFleetName), mostWarm, 1<<31): {
			Pool: pool.Key, Place: pool.Place, Labels: pool.Labels, Spec: pool.Spec, Since: at, Made: at,
		}})
		if err != nil {
			panic(err) // plain values
		}
		size += pool.Warm.Count*len(text) + len(pool.Key) + mostOfState
	}
	return size
}

// mostLooks is how often an idle runner may be looked at until it is replaced: Step Functions
// ends an execution with more than 25,000 events
// (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html), of which each
// look has 13, and the job comes after.
const mostLooks = 1500

func (p Policy) checkRotation(warm Warm) error {
	if age := (Pool{Warm: warm}).rotateAfter(); p.Limits.Idle > 0 && age/p.Limits.Idle > mostLooks {
		return fmt.Errorf("warm.rotate_after %s: an idle runner is looked at each limits.idle (%s), and %d times at most; use %s or less, or raise limits.idle", age, p.Limits.Idle, mostLooks, mostLooks*p.Limits.Idle)
	}
	return nil
}
