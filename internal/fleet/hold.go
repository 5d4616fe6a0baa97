package fleet

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hold keeps runs from being launched into the failure that the last one met: an image
// that cannot be pulled, a class without capacity. A few runners try whether it is over,
// at growing intervals; the other runs wait for them. Each success doubles how many may
// try at once, so that hundreds of runs do not come back in one moment.
type Hold struct {
	Key   string      `json:"key"`
	Kind  SetbackKind `json:"kind"`
	Name  string      `json:"name"` // of the last failure
	Cause string      `json:"cause"`
	Since time.Time   `json:"since"`
	// InARow counts the failures since the last success.
	InARow  int       `json:"in_a_row"`
	NextTry time.Time `json:"next_try_at,omitzero"`
	// Width is how many runners may try at once. Tries are the runners that do.
	Width   int       `json:"width"`
	Tries   []string  `json:"tries,omitempty"`
	TriedAt time.Time `json:"tried_at,omitzero"` // the last time
	// AfterRegister reports that runners met the failure after they had registered: if
	// another runner registers, that does not show that it is over.
	AfterRegister bool `json:"after_register,omitempty"`
	// FailedTries counts the tries that failed since a runner got past it.
	FailedTries int `json:"failed_tries,omitempty"`
	// Met is who met it, and when last. The hold keeps no run back before Needs have met
	// it.
	Met   map[string]time.Time `json:"met,omitempty"`
	Needs int                  `json:"needs"`
	// Deployment is the configuration under which it was met.
	Deployment string `json:"deployment,omitempty"`
	Version    int64  `json:"version"`

	// Over deletes the record when it is written.
	Over bool `json:"-"`
}

// MostAtOnce is how wide a hold opens that is over: so many runs of one kind start at
// once until none waits any more. GitHub's limit for registrations is 180 a minute.
const MostAtOnce = 64

// metFor is how long a meeting counts towards Needs.
const metFor = 10 * time.Minute

// Holds reports whether the hold makes runs wait at all.
func (h Hold) Holds(deployment string) bool {
	if len(h.Met) < h.Needs {
		return false
	}
	return !kinds[h.Kind].untilDeployment || h.Deployment == deployment
}

// Shown reports whether people should see the hold: it keeps runs from being launched,
// or did so until a moment ago.
func (h Hold) Shown() bool { return len(h.Met) >= h.Needs }

// Free is how many runners may try now.
func (h Hold) Free(now time.Time) int {
	if now.Before(h.NextTry) {
		return 0
	}
	return max(0, h.Width-len(h.Tries))
}

// try records that a runner tries whether the hold is over.
func (h Hold) try(runnerID string, now time.Time) Hold {
	h.Tries = append(slices.Clone(h.Tries), runnerID)
	h.TriedAt = now.UTC()
	return h
}

// Leave records that a runner no longer tries.
func (h Hold) Leave(runnerID string) Hold {
	h.Tries = slices.DeleteFunc(slices.Clone(h.Tries), func(id string) bool { return id == runnerID })
	return h
}

// failed is the hold after a runner has met it. changed is false if that is no news: the
// runner was launched before the hold began.
func (h Hold) failed(name, cause, met string, runner Runner, deployment string, now time.Time) (_ Hold, changed bool) {
	tried := slices.Contains(h.Tries, runner.RunnerID)
	if tried {
		h.FailedTries++
	}
	_, again := h.Met[met]
	if !tried && again && h.InARow > 0 && h.Deployment == deployment {
		return h, false
	}
	if h.Version == 0 {
		h.Since = now
	}
	h = h.Leave(runner.RunnerID)
	h.AfterRegister = name == RunnerStoppedEarly && runner.RegistrationID != 0
	if !h.keepsMet() {
		h.Met = meet(h.Met, met, now)
	}
	h.Name, h.Cause, h.Deployment = name, cause, deployment
	h.InARow++
	h.Width = kinds[h.Kind].width
	h.NextTry = now.Add(pause(h.Kind, name, h.InARow))
	return h, true
}

// keepsMet reports whether as many as the hold needs have met it already. From then on
// one runner at a time tries, so the earlier meetings are soon too old to count: only a
// success ends the hold.
func (h Hold) keepsMet() bool {
	return (h.Kind == SetbackFleet || h.Kind == SetbackGitHub) && h.Needs > 1 && len(h.Met) >= h.Needs
}

// meet adds a meeting, and forgets those that are too old to count.
func meet(met map[string]time.Time, who string, now time.Time) map[string]time.Time {
	next := maps.Clone(met)
	if next == nil {
		next = map[string]time.Time{}
	}
	maps.DeleteFunc(next, func(_ string, at time.Time) bool { return now.Sub(at) > metFor })
	next[who] = now.UTC()
	return next
}

// Succeeded is the hold after a runner came so far, or, if runnerID is "", after
// something else showed that it is over. changed is false if that is no news: the hold
// is already opening, and the runner was not one of those that tried.
func (h Hold) Succeeded(runnerID string, passed Passed, now time.Time) (_ Hold, changed bool) {
	if h.AfterRegister && passed < PassedJob {
		return h, false
	}
	if h.InARow == 0 && !slices.Contains(h.Tries, runnerID) {
		return h, false
	}
	if runnerID == "" && h.Kind == SetbackCredential && h.FailedTries > 0 {
		return h.mayTry()
	}
	h = h.Leave(runnerID)
	h.InARow, h.FailedTries, h.AfterRegister = 0, 0, false
	h.Width = min(MostAtOnce, max(1, 2*h.Width))
	if h.NextTry.After(now) {
		h.NextTry = now
	}
	return h, true
}

// mayTry allows one runner to try once the pause is over. GitHub accepts a credential
// that may list but not register: only a runner that registers shows that this failure
// is over.
func (h Hold) mayTry() (_ Hold, changed bool) {
	if h.Width > 0 {
		return h, false
	}
	h.Width = 1
	return h, true
}

// TryNow allows the next runner to try at once.
func (h Hold) TryNow(now time.Time) Hold {
	if h.NextTry.After(now) {
		h.NextTry = now
	}
	h.Width = max(1, h.Width)
	return h
}

// betweenEnds is the shortest time between two ends of jobs that allow a run to try that
// idled before.
const betweenEnds = time.Minute

// AfterJobEnded allows a run to try whose job GitHub may have held back until another
// job ended. changed is false if one is trying, or has just tried.
func (h Hold) AfterJobEnded(now time.Time) (_ Hold, changed bool) {
	if len(h.Tries) > 0 || !h.NextTry.After(now) || now.Sub(h.TriedAt) < betweenEnds {
		return h, false
	}
	return h.TryNow(now), true
}

// Ended reports whether the hold may be forgotten, if no run waits for it.
func (h Hold) Ended(now time.Time) bool {
	return len(h.Tries) == 0 && (h.InARow == 0 || now.Sub(h.NextTry) > rememberedFor)
}

// rememberedFor is how long a hold without waiting runs is kept, so that the next
// failure counts as another in a row.
const rememberedFor = time.Hour

// holdRef names a hold.
type holdRef struct {
	key   string
	kind  SetbackKind
	needs int    // how many have to meet it
	by    string // who meets it, if more than one has to
}

func ref(kind SetbackKind, about ...string) holdRef {
	return holdRef{key: strings.Join(append([]string{string(kind)}, about...), "/"), kind: kind, needs: 1}
}

func (r holdRef) met(needs int, by string) holdRef {
	r.needs, r.by = needs, by
	return r
}

// in is the hold as it was read, or a new one that was not met yet.
func (r holdRef) in(read map[string]Hold) Hold {
	if h, ok := read[r.key]; ok {
		return h
	}
	return Hold{Key: r.key, Kind: r.kind, Needs: r.needs}
}

// Wants is the part of a job's request that holds are named by, and the policy's rule that
// admits it.
type Wants struct {
	Class    string `json:"class_name,omitempty"`
	Image    string `json:"image,omitempty"`
	ImageTag string `json:"image_tag,omitempty"`
	Rungs    int    `json:"rungs,omitempty"` // of the class's ladder
	// FirstRung is the first of them that the job is launched on.
	FirstRung int `json:"first_rung,omitempty"`
	// Rule is its name, "" if none is needed. It is known of a job that is decided about.
	Rule      string `json:"rule,omitempty"`
	RuleKnown bool   `json:"rule_known,omitempty"`
}

// Wants is what a job asks for that is or may be admitted, nothing for every other.
func (p Policy) Wants(job Job) Wants { return p.Admit(job).Wants() }

// Wants is what a job asks for that got the decision, nothing if it gets no runner.
func (d Decision) Wants() Wants {
	if d.Verdict != Admitted && d.Verdict != Undecided {
		return Wants{}
	}
	return Wants{Class: d.Class, Image: d.Image.String(), ImageTag: d.Image.Tag(), Rungs: len(d.Size.Ladder()), FirstRung: d.FirstRung, Rule: d.RuleName(), RuleKnown: d.Verdict == Admitted}
}

// Want records on the run what its job asks for.
func (r Run) Want(w Wants) Run {
	if w != (Wants{}) {
		r.ClassName, r.Image, r.ImageTag, r.Rungs, r.FirstRung = w.Class, w.Image, w.ImageTag, w.Rungs, w.FirstRung
	}
	if w.RuleKnown {
		r.AdmittedBy, r.RuleKnown = w.Rule, true
	}
	return r
}

// last is a runner's rung, or the ladder's last one if the ladder is now shorter.
func (r Run) last(rung int) int { return min(rung, max(0, r.Rungs-1)) }

const (
	// runsOfFleetHold is how many runs have to meet a failure of the fleet itself
	// before the other runs of their repository wait.
	runsOfFleetHold = 5
	// repositoriesOfHold is how many repositories have to meet a failure before runs
	// of other repositories wait: one alone must not stop them.
	repositoriesOfHold = 2
)

// holdsOf lists the holds that a failure of the kind belongs to.
func (r Run) holdsOf(kind SetbackKind, rung int) []holdRef {
	repository := RepositoryKey(r.Job.Repository)
	switch kind {
	case SetbackCapacity:
		return []holdRef{ref(kind, r.ClassName, strconv.Itoa(r.last(rung)))}
	case SetbackBuild, SetbackSource:
		return []holdRef{ref(kind, r.ImageTag)}
	case SetbackQuota: // another repository may have the image built
		return []holdRef{ref(kind, r.ImageTag, repository)}
	case SetbackStart:
		return []holdRef{
			ref(kind, r.ImageTag, r.ClassName, repository),
			ref(kind, r.ImageTag, r.ClassName).met(repositoriesOfHold, repository),
		}
	case SetbackConfiguration:
		return []holdRef{ref(kind, r.ClassName)}
	case SetbackAccess, SetbackGitHub:
		return []holdRef{ref(kind, repository), ref(kind).met(repositoriesOfHold, repository)}
	case SetbackCredential:
		return []holdRef{ref(kind)}
	case SetbackIdle:
		return []holdRef{ref(kind, repository, r.labelSet())}
	case SetbackOutage:
		return []holdRef{ref(kind, repository)}
	case SetbackFleet:
		return []holdRef{ref(kind, repository).met(runsOfFleetHold, r.RunID)}
	}
	return nil
}

// labelSet names the jobs of a workflow run that ask for the same labels. GitHub holds
// all of them back alike.
func (r Run) labelSet() string {
	labels := RunnerLabels(r.Job)
	slices.Sort(labels)
	return strconv.FormatInt(r.Job.WorkflowRunID, 10) + "/" + contentHash(labels...)
}

// IdleHoldsOf is the prefix of the keys of all holds on idle runners of a repository.
func IdleHoldsOf(repository string) string {
	return string(SetbackIdle) + "/" + RepositoryKey(repository) + "/"
}

// idleRecently is the record of which jobs idled lately: it keeps no run back.
var idleRecently = ref(SetbackOutage).met(math.MaxInt, "")

// BuildHold is the key of the hold on an image whose build failed.
func BuildHold(tag string) string { return ref(SetbackBuild, tag).key }

// BuildHolds are the keys of all holds that are over once a build of an image has
// succeeded.
func BuildHolds(tag string) []string { return []string{BuildHold(tag), ref(SetbackSource, tag).key} }

// CredentialHold is the key of the hold on a credential that GitHub does not accept.
func CredentialHold() string { return ref(SetbackCredential).key }

// isOutage reports whether so many idle that GitHub must be assigning nothing: in
// several repositories, or in several label sets.
func (h Hold) isOutage() bool {
	repositories := map[string]bool{}
	for who := range h.Met {
		repository, _, _ := strings.Cut(who, " ")
		repositories[repository] = true
	}
	return len(repositories) >= 2 || len(h.Met) >= 3
}

// launchKinds are the kinds whose holds a launch checks, except capacity's.
var launchKinds = []SetbackKind{
	SetbackCredential, SetbackGitHub, SetbackAccess, SetbackConfiguration, SetbackBuild, SetbackSource, SetbackQuota, SetbackStart, SetbackIdle, SetbackOutage, SetbackFleet,
}

// holdsAt lists the holds that a launch checks, with capacity's for a rung. An outage
// only concerns runs that have idled: others may still get their job.
func (r Run) holdsAt(rung int) []holdRef {
	refs := make([]holdRef, 0, 2*len(launchKinds))
	for _, kind := range launchKinds {
		if kind == SetbackOutage && (r.Setback == nil || r.Setback.Kind != SetbackIdle && r.Setback.Kind != SetbackOutage) {
			continue
		}
		refs = append(refs, r.holdsOf(kind, rung)...)
	}
	return append(refs, r.holdsOf(SetbackCapacity, rung)...)
}

// HoldKeys lists the holds that decisions about the run may need.
func (r Run) HoldKeys() []string {
	keys := append(make([]string, 0, 2*len(launchKinds)), idleRecently.key, subnetsWithoutRoom.key)
	add := func(refs []holdRef) {
		for _, r := range refs {
			if !slices.Contains(keys, r.key) {
				keys = append(keys, r.key)
			}
		}
	}
	add(r.holdsOf(SetbackOutage, 0))
	for rung := range max(1, r.Rungs) {
		add(r.holdsAt(rung))
	}
	return keys
}

// Passed is how far a runner has come, and so shows which failures are over.
type Passed int

const (
	PassedStart    Passed = iota // its container runs
	PassedRegister               // it has its credential
	PassedJob                    // it has a job
)

// shows are the kinds that are over, beside those of the stages before, for a run whose
// runner has come so far.
var shows = map[Passed][]SetbackKind{
	PassedStart:    {SetbackCapacity, SetbackConfiguration, SetbackBuild, SetbackSource, SetbackQuota},
	PassedRegister: {SetbackStart, SetbackCredential, SetbackAccess, SetbackGitHub},
	PassedJob:      {SetbackIdle, SetbackOutage, SetbackFleet},
}

// ShownBy lists the holds that are over because a runner on a rung has come so far.
func (r Run) ShownBy(passed Passed, rung int) (keys []string) {
	for p := PassedStart; p <= passed; p++ {
		for _, kind := range shows[p] {
			for _, hold := range r.holdsOf(kind, rung) {
				keys = append(keys, hold.key)
			}
		}
	}
	if passed == PassedJob {
		keys = append(keys, idleRecently.key)
	}
	return keys
}
