package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pool keeps idle runners of one class registered in one scope.
type Pool struct {
	Key        string // names it in records, also after its repository was renamed
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

// Pools are the fleet's pools of warm runners, sorted by key. It leaves out what a class asks
// for and the fleet cannot have, or must not: the error, PoolErrors, says so of each class.
func (p Policy) Pools() (pools []Pool, err error) {
	var refused PoolErrors
	var first string
	for _, class := range p.classNames() {
		warm := p.Classes[class].Warm
		if warm == nil {
			continue
		}
		first = cmp.Or(first, class)
		of, why := p.poolsOf(class, *warm)
		if why != nil {
			refused = append(refused, PoolError{class, why})
		}
		pools = append(pools, of...)
	}
	if why := p.noPools(pools); first != "" && why != nil {
		pools, refused = nil, append(refused, PoolError{first, why})
	}
	slices.SortFunc(pools, func(a, b Pool) int { return cmp.Compare(a.Key, b.Key) })
	if refused != nil {
		return pools, refused
	}
	return pools, nil
}

// WantsWarm reports whether a class is to keep idle runners.
func (p Policy) WantsWarm() bool {
	for _, class := range p.Classes {
		if class.Warm != nil {
			return true
		}
	}
	return false
}

// poolsOf are the pools of one class, if it may have them.
func (p Policy) poolsOf(class string, warm Warm) ([]Pool, error) {
	if err := warm.Check(); err != nil {
		return nil, err
	}
	if err := p.checkRotation(warm); err != nil {
		return nil, err
	}
	schedule, err := ParseSchedule(warm.Schedule)
	if err != nil {
		return nil, err
	}
	schedule.within = warm.Within
	pools, err := p.runnersOf(class, warm)
	for i := range pools {
		pools[i].schedule = schedule
	}
	return pools, err
}

// PoolOf is the pool of that key whose runners are spec; ok is false if the fleet has none. It
// reads no schedule: only the sweep has the time zones for it.
func (p Policy) PoolOf(key, spec string) (pool Pool, ok bool) {
	class, _, _ := strings.Cut(key, "@")
	warm := p.Classes[class].Warm
	if warm == nil || p.noPools(nil) != nil {
		return Pool{}, false
	}
	pools, err := p.runnersOf(class, *warm)
	if err != nil {
		return Pool{}, false
	}
	i := slices.IndexFunc(pools, func(pool Pool) bool { return pool.Key == key && pool.Spec == spec })
	if i < 0 {
		return Pool{}, false
	}
	return pools[i], true
}

// runnersOf are the pools of one class without their schedule.
func (p Policy) runnersOf(class string, warm Warm) (pools []Pool, err error) {
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
		Class: class, Warm: warm, Decision: decision, Labels: labels,
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

// NamedNow is the pool with GitHub's present name of its repository, "" if that has not
// changed: its runners, runs and holds are found by that name.
func (p Pool) NamedNow(repository string) Pool {
	if p.Repository != "" && repository != "" {
		p.Place, p.Repository = repository, repository
	}
	return p
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
func (p Pool) rotateAfter() time.Duration {
	return cmp.Or(time.Duration(p.Warm.RotateAfter), DefaultRotation)
}

// run stands for the runs that the pool's runners could serve: the holds that keep those
// from being launched keep the pool from it as well.
func (p Pool) run() Run {
	return Run{Job: p.Job()}.Want(p.Decision.Wants())
}

// HoldKeys lists the holds that a launch of the pool needs.
func (p Pool) HoldKeys() []string { return p.run().HoldKeys() }
