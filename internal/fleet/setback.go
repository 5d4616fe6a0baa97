package fleet

import (
	"maps"
	"slices"
	"time"
)

// SetbackKind is what a setback is about, and so which other runs would meet the same.
type SetbackKind string

const (
	SetbackCapacity      SetbackKind = "capacity"      // the platform has no room for a class
	SetbackBuild         SetbackKind = "build"         // an image cannot be built
	SetbackSource        SetbackKind = "source"        // what an image is made from is not available just now
	SetbackQuota         SetbackKind = "quota"         // a repository has used up its builds of today
	SetbackStart         SetbackKind = "start"         // runners of an image do not start
	SetbackConfiguration SetbackKind = "configuration" // the platform refuses what the configuration makes the fleet ask for
	SetbackCredential    SetbackKind = "credential"    // GitHub does not accept the credential
	SetbackAccess        SetbackKind = "access"        // the credential may not use a repository
	SetbackJob           SetbackKind = "job"           // GitHub does not know a job, or refuses a request about it
	SetbackGitHub        SetbackKind = "github"        // GitHub does not answer, or limits the rate
	SetbackIdle          SetbackKind = "idle"          // runners get no job: GitHub holds it back
	SetbackOutage        SetbackKind = "outage"        // GitHub gives no runner a job
	SetbackFleet         SetbackKind = "fleet"         // the fleet itself failed
)

// kindFacts are the rules for a kind of setback.
type kindFacts struct {
	whose   string          // whose business it is
	spacing []time.Duration // from one try to the next; the last one stays
	width   int             // how many runners may try at once
	sooner  string          // what makes the next try sooner
	// untilDeployment: another configuration ends it.
	untilDeployment bool
}

var kinds = map[SetbackKind]kindFacts{
	SetbackCapacity: {
		whose: "capacity", spacing: minutes(1, 2, 3, 5), width: 3,
		sooner: "a runner of the class that starts",
	},
	SetbackBuild: {
		whose: "image", spacing: minutes(5, 10, 30, 60), width: 1, untilDeployment: true,
		sooner: "a build that succeeds (`ecsrunner images build`), or a deployment",
	},
	SetbackSource: {
		whose: "registry", spacing: minutes(1, 2, 5, 10), width: 1, untilDeployment: true,
		sooner: "a build that succeeds (`ecsrunner images build`), or a deployment",
	},
	SetbackQuota: {
		whose: "repository", spacing: minutes(30, 60), width: 1, untilDeployment: true,
		sooner: "a runner of the image that starts, or a deployment",
	},
	SetbackStart: {
		whose: "image", spacing: minutes(1, 2, 5, 10, 30), width: 1, untilDeployment: true,
		sooner: "a runner of the image that registers, or a deployment",
	},
	SetbackConfiguration: {
		whose: "configuration", spacing: minutes(60), width: 1, untilDeployment: true,
		sooner: "a deployment with another configuration",
	},
	SetbackCredential: {
		whose: "configuration", spacing: minutes(1, 2, 5),
		sooner: "a request that GitHub accepts: the sweep makes one each minute, with the secret as it is then",
	},
	SetbackAccess: {
		whose: "configuration", spacing: minutes(1, 2, 5), width: 1,
		sooner: "a runner that registers in the repository",
	},
	SetbackJob: {
		whose: "GitHub", spacing: minutes(1, 2, 5, 10),
		sooner: "a webhook about the job",
	},
	SetbackGitHub: {
		whose: "GitHub", spacing: minutes(1, 2, 5), width: 1,
		sooner: "a runner that registers",
	},
	SetbackIdle: {
		whose: "GitHub", spacing: minutes(1, 2, 5, 10, 15, 30), width: 1,
		sooner: "the end of a job of the repository",
	},
	SetbackOutage: {
		whose: "GitHub", spacing: minutes(1, 2, 5), width: 1,
		sooner: "any runner that gets a job",
	},
	SetbackFleet: {
		whose: "fleet", spacing: minutes(1, 2, 5, 10, 30), width: 1, untilDeployment: true,
		sooner: "a deployment",
	},
}

// setbackKinds has the kind of every failure that has a name. A name that is not in it
// counts as the fleet's own failure.
var setbackKinds = map[string]SetbackKind{
	RunnerNoCapacity:      SetbackCapacity,
	RunnerQuotaExceeded:   SetbackCapacity,
	RunnerSpotInterrupted: SetbackCapacity,

	ImageBuildFailed:    SetbackBuild,
	ImageBuildQueueFull: SetbackBuild,

	ImageSourceUnavailable: SetbackSource,
	ImageBuildsSpent:       SetbackQuota,

	ImageOutdated:                SetbackStart,
	RunnerCannotPullContainer:    SetbackStart,
	RunnerResourceInitialization: SetbackStart,
	RunnerStartTimeout:           SetbackStart,
	RunnerStoppedEarly:           SetbackStart,

	RunnerLaunchFailed:      SetbackConfiguration,
	RunnerVersionDeprecated: SetbackConfiguration,

	GitHubUnauthorized: SetbackCredential,
	GitHubUntrusted:    SetbackCredential,
	SecretMissing:      SetbackCredential,

	GitHubNoAccess:      SetbackAccess,
	GitHubNoRunnerGroup: SetbackAccess,

	GitHubNotFound:         SetbackJob,
	RunnerDeadlineExceeded: SetbackJob,

	GitHubRateLimited: SetbackGitHub,
	GitHubUnavailable: SetbackGitHub,

	GitHubJobPending:  SetbackIdle,
	RunnerIdleTimeout: SetbackIdle,

	AWSUnavailable:       SetbackFleet,
	GitHubConflict:       SetbackFleet,
	GitHubInvalid:        SetbackFleet,
	GitHubRunnerBusy:     SetbackFleet,
	ImageBuildLost:       SetbackFleet,
	RecordsConflict:      SetbackFleet,
	RecordsUnavailable:   SetbackFleet,
	RunnerClaimLost:      SetbackFleet, // it registered, so that proves nothing
	RunnerDefinitionGone: SetbackFleet,
	RunnerLaunchUnclear:  SetbackFleet,
	RunnerNotWanted:      SetbackFleet,
}

// spacings are for names that are not tried again like others of their kind.
var spacings = map[string][]time.Duration{
	RunnerCannotPullContainer: minutes(1, 2, 4, 8),
	GitHubInvalid:             minutes(1, 2, 5, 8), // GitHub itself may be repaired
}

// KindOf is the kind of a failure, by its name.
func KindOf(name string) SetbackKind {
	if kind, ok := setbackKinds[name]; ok {
		return kind
	}
	return SetbackFleet
}

// FailureNames are the names of all failures that a setback may have, sorted.
func FailureNames() []string { return slices.Sorted(maps.Keys(setbackKinds)) }

// Whose says whose business setbacks of the kind are: the image's, the registry's, the
// repository's, the capacity's, GitHub's, the configuration's or the fleet's.
func (k SetbackKind) Whose() string { return kinds[k].whose }

// Sooner says what makes the next try sooner than its time.
func (k SetbackKind) Sooner() string { return kinds[k].sooner }

// pause is the time from the nth failure in a row to the next try.
func pause(kind SetbackKind, name string, n int) time.Duration {
	steps, ok := spacings[name]
	if !ok {
		steps = kinds[kind].spacing
	}
	return steps[min(max(n, 1), len(steps))-1]
}

func minutes(each ...int) []time.Duration {
	steps := make([]time.Duration, len(each))
	for i, m := range each {
		steps[i] = time.Duration(m) * time.Minute
	}
	return steps
}

// Setback is why a run has not got its runner yet, and when the fleet tries again. It
// ends no run: only GitHub and the policy do.
type Setback struct {
	Kind  SetbackKind `json:"kind"`
	Name  string      `json:"name"` // of the failure
	Cause string      `json:"cause"`
	// InARow counts the run's own failures of the kind, 0 if it only waits for a hold.
	InARow int       `json:"in_a_row,omitempty"`
	At     time.Time `json:"at"`
	// NextTry is when the run is launched again, if it waits by itself.
	NextTry time.Time `json:"next_try_at,omitzero"`
	// Hold is the key of the hold that it waits for, "" if it waits by itself.
	Hold string `json:"hold,omitempty"`
}

func (s Setback) reason() string { return s.Name + ": " + s.Cause }

// OwnRetries is the WaitList of runs that wait by themselves.
const OwnRetries = "own"

// Retrying reports whether the run waits for its next try after a setback.
func (r Run) Retrying() bool {
	return r.Setback != nil && r.Status == RunQueued && r.Wanted() && r.RunnerID == "" && !r.WaitsForRoom
}

// TimeOrder is the order of a time in a WaitList.
func TimeOrder(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// setBack records that a runner for the run failed. Unless a hold keeps it, the run is
// tried again after a pause of its own.
func (r Run) setBack(kind SetbackKind, name, cause string, now time.Time) Run {
	n := 1
	if s := r.Setback; s != nil && s.Kind == kind {
		n = s.InARow + 1
	}
	r.Setback = &Setback{Kind: kind, Name: name, Cause: cause, InARow: n, At: now, NextTry: now.Add(pause(kind, name, n))}
	r.WaitsForRoom = false
	return r.Move(RunQueued, r.Setback.reason())
}

// waitFor makes the run wait for a hold. changed is false if it already does.
func (r Run) waitFor(h Hold, now time.Time) (_ Run, changed bool) {
	if r.Retrying() && r.Setback.Hold == h.Key {
		return r, false
	}
	next := Setback{Kind: h.Kind, Name: h.Name, Cause: h.Cause, At: now, Hold: h.Key}
	if s := r.Setback; s != nil && s.Kind == h.Kind {
		next.InARow, next.At = s.InARow, s.At
	}
	r.Setback = &next
	r.WaitsForRoom = false
	return r.Move(RunQueued, next.reason()), true
}

// SetbackKinds are all kinds of setbacks, sorted.
func SetbackKinds() []SetbackKind { return slices.Sorted(maps.Keys(kinds)) }
