package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Warm is how many idle runners a class keeps in each scope that runners are registered in:
// each repository, or the organization or enterprise that all runners are registered in.
type Warm struct {
	Count    int    `json:"count"`
	Schedule string `json:"schedule,omitempty"` // as ParseSchedule reads it; "" is always
	Image    string `json:"image,omitempty"`    // the label of an image; "" is the base image
	// Repositories are those of the fleet's that have warm runners; none means all.
	Repositories []string `json:"repositories,omitempty"`
	// RotateAfter is the age at which an idle runner is replaced; 0 is DefaultRotation.
	RotateAfter time.Duration `json:"rotate_after,omitempty"`
	// IdleHoursPerDay bounds how long its idle runners live together, in each scope and each
	// day of UTC; 0 is no limit.
	IdleHoursPerDay int `json:"idle_hours_per_day,omitempty"`
	// Within are the times in which runners are wanted in place of the schedule, if it is not
	// nil: of simulations, whose calendar is another.
	Within []Span `json:"-" yaml:"-"`
}

// Span is a time from one moment until another.
type Span struct{ From, Until time.Time }

// DefaultRotation is the age at which an idle runner is replaced: a newer image may be there,
// and GitHub updates runners that wait for long.
const DefaultRotation = 6 * time.Hour

// Bounds of Warm.
const (
	mostWarm       = 100
	leastRotation  = 10 * time.Minute
	mostRotation   = 7 * 24 * time.Hour
	mostHoursOfDay = mostWarm * 24
)

// Check refuses values that no pool can have. Whether the image is one is checked by
// Policy.Pools.
func (w Warm) Check() error {
	_, err := ParseSchedule(w.Schedule)
	switch {
	case w.Count < 1 || w.Count > mostWarm:
		return fmt.Errorf("warm.count %d: use 1 to %d idle runners, or leave warm out for none", w.Count, mostWarm)
	case err != nil:
		return fmt.Errorf("warm.schedule: %w", err)
	case w.RotateAfter != 0 && (w.RotateAfter < leastRotation || w.RotateAfter > mostRotation || w.RotateAfter%time.Second != 0):
		return fmt.Errorf("warm.rotate_after %s: use %s to %s in whole seconds, or leave it out for %s", w.RotateAfter, leastRotation, mostRotation, DefaultRotation)
	case w.IdleHoursPerDay < 0 || w.IdleHoursPerDay > mostHoursOfDay:
		return fmt.Errorf("warm.idle_hours_per_day %d: use 1 to %d, or leave it out for no limit", w.IdleHoursPerDay, mostHoursOfDay)
	}
	return nil
}

// Pool keeps idle runners of one class registered in one scope.
type Pool struct {
	Key        string // names it in records
	Class      string
	Place      string // that its runners are registered in
	Repository string // "" if the place is shared
	Warm       Warm
	Decision   Decision // what its runners are: class, size and image
	Labels     []string // of its runners
	// Spec names what its runners are: those of another are replaced.
	Spec     string
	schedule Schedule
}

// poolKey names a pool of a class in a place.
func poolKey(class, place string) string { return class + "@" + strings.ToLower(place) }

// Pools are the fleet's pools of warm runners, sorted by key. It fails if a class asks for
// what its pool cannot have.
func (p Policy) Pools() (pools []Pool, err error) {
	for _, class := range p.classNames() {
		warm := p.Classes[class].Warm
		if warm == nil {
			continue
		}
		of, why := p.poolsOf(class, *warm)
		if why != nil {
			err = errors.Join(err, fmt.Errorf("class %s: %w", class, why))
		}
		pools = append(pools, of...)
	}
	slices.SortFunc(pools, func(a, b Pool) int { return cmp.Compare(a.Key, b.Key) })
	return pools, err
}

func (p Policy) poolsOf(class string, warm Warm) (pools []Pool, err error) {
	if err := warm.Check(); err != nil {
		return nil, err
	}
	schedule, err := ParseSchedule(warm.Schedule)
	if err != nil {
		return nil, err
	}
	schedule.within = warm.Within
	labels := NormalLabels(p.warmLabels(class, warm))
	if image := strings.ToLower(warm.Image); image != "" && p.ExtraImages[image] == "" && !strings.HasPrefix(image, imagePrefix) {
		return nil, fmt.Errorf("warm.image %s: it is not the label of an image; use one of extra_runner_images, or %s<name>", QuoteShort(warm.Image), imagePrefix)
	}
	decision := p.plan(labels, p.warmLabels(class, warm))
	if decision.Verdict != Admitted {
		return nil, fmt.Errorf("warm.image %s: %s", QuoteShort(warm.Image), decision.Reason)
	}
	for i, repository := range warm.Repositories {
		if slices.ContainsFunc(warm.Repositories[:i], func(r string) bool { return SameRepository(r, repository) }) {
			return nil, fmt.Errorf("warm.repositories: %s is listed twice", QuoteShort(repository))
		}
		if !slices.ContainsFunc(p.Repositories, func(r string) bool { return SameRepository(r, repository) }) || p.SharedPlace() != "" {
			return nil, fmt.Errorf("warm.repositories: %s is not a repository that this fleet's runners are registered in", QuoteShort(repository))
		}
	}
	pool := Pool{
		Class: class, Warm: warm, Decision: decision, Labels: labels, schedule: schedule,
		Spec: contentHash(append(slices.Clone(labels), fmt.Sprint(decision.Size), decision.Image.Tag(), p.RunnerGroup, fmt.Sprint(p.EnforcePolicy))...),
	}
	if shared := p.SharedPlace(); shared != "" {
		pool.Key, pool.Place = poolKey(class, shared), shared
		return []Pool{pool}, nil
	}
	for _, repository := range p.Repositories {
		if len(warm.Repositories) > 0 && !slices.ContainsFunc(warm.Repositories, func(r string) bool { return SameRepository(r, repository) }) {
			continue
		}
		pool.Key, pool.Place, pool.Repository = poolKey(class, repository), repository, repository
		pools = append(pools, pool)
	}
	return pools, nil
}

// warmLabels are all labels that jobs may have which a runner of the class serves.
func (p Policy) warmLabels(class string, warm Warm) []string {
	labels := []string{selfHosted, "linux", string(cmp.Or(p.Classes[class].Arch, X64)), classPrefix + class}
	labels = append(labels, p.FleetLabels...)
	for _, label := range []string{p.RequiredLabel, warm.Image} {
		if label != "" {
			labels = append(labels, label)
		}
	}
	return labels
}

// Job stands for the job that its runners' executions begin with: there is none yet.
func (p Pool) Job() Job { return jobOfPool(p.Repository, p.Labels) }

func jobOfPool(repository string, labels []string) Job {
	return Job{Repository: repository, Private: true, Labels: labels, Status: JobQueued}
}

// Wanted is how many idle runners the pool wants at a time.
func (p Pool) Wanted(now time.Time) int {
	if !p.schedule.Wants(now) {
		return 0
	}
	return p.Warm.Count
}

// WantedFrom is when the pool wants idle runners next, and now if it does.
func (p Pool) WantedFrom(now time.Time) time.Time { return p.schedule.Next(now) }

// rotateAfter is the age at which an idle runner is replaced.
func (p Pool) rotateAfter() time.Duration { return cmp.Or(p.Warm.RotateAfter, DefaultRotation) }

// run stands for the runs that the pool's runners could serve: the holds that keep those
// from being launched keep the pool from it as well.
func (p Pool) run() Run {
	return Run{Job: p.Job()}.Want(p.Decision.Wants())
}

// HoldKeys lists the holds that a launch of the pool needs.
func (p Pool) HoldKeys() []string { return p.run().HoldKeys() }
