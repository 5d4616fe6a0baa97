package kernel

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fault is one entry of a plan: what goes wrong, when, how often and to what.
type Fault struct {
	Kind string `yaml:"kind" json:"kind"`
	// Of limits it to subjects that begin so: a call's name, a repository, an image.
	Of string `yaml:"of,omitempty" json:"of,omitempty"`
	// From and Until count from the beginning of the history; no Until is for ever.
	From  Duration `yaml:"from,omitempty" json:"from,omitzero"`
	Until Duration `yaml:"until,omitempty" json:"until,omitzero"`
	// Rate is the chance at each occasion; none is 1.
	Rate float64 `yaml:"rate,omitempty" json:"rate,omitempty"`
	// Times is how often at most; none is no limit.
	Times int `yaml:"times,omitempty" json:"times,omitempty"`
	// For is how long it lasts, where the kind has a length.
	For Duration `yaml:"for,omitempty" json:"for,omitzero"`
	// With is a word or number that the kind explains.
	With string `yaml:"with,omitempty" json:"with,omitempty"`
}

// String is the fault as a person would say it.
func (f Fault) String() string {
	text := f.Kind
	if f.Of != "" {
		text += " of " + f.Of
	}
	if f.With != "" {
		text += " with " + f.With
	}
	if f.For.Duration != 0 {
		text += " for " + f.For.String()
	}
	if f.Rate != 0 && f.Rate != 1 {
		text += fmt.Sprintf(" at %g%%", f.Rate*100)
	}
	if f.Times != 0 {
		text += fmt.Sprintf(" at most %d times", f.Times)
	}
	if f.From.Duration != 0 || f.Until.Duration != 0 {
		text += " from " + f.From.String()
		if f.Until.Duration != 0 {
			text += " until " + f.Until.String()
		}
	}
	return text
}

// Kind describes a kind of fault: what it does, and the published fact that it may
// happen.
type Kind struct {
	Name   string
	Does   string
	Source string
}

// Kinds are those of the kernel itself.
var Kinds = []Kind{
	{Killed, "kills a function before a call has its effect", "functions crash, are reclaimed and run out of memory"},
	{KilledAfter, "kills a function after a call had its effect", "functions crash, are reclaimed and run out of memory"},
	{Hangs, "lets a function hang at a call until its time is over", "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: Lambda.Unknown, Sandbox.Timedout"},
	{Slow, "delays the answer of a call by for", "no service promises a time"},
}

// Duration is a time.Duration as people write it: 90s, 5m, 36h.
type Duration struct{ time.Duration }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String leaves out what is zero: 5m, not 5m0s.
func (d Duration) String() string {
	text := d.Duration.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Strikes reports whether a fault of a kind strikes a subject here and now, and which.
// Each time that it does is counted.
func (k *Kernel) Strikes(kind, subject string) (Fault, bool) {
	for i := range k.plan {
		f := &k.plan[i]
		if f.Kind != kind || f.Of != "" && !strings.HasPrefix(subject, f.Of) {
			continue
		}
		since := k.now.Sub(Epoch)
		if since < f.From.Duration || f.Until.Duration != 0 && since >= f.Until.Duration || f.Times != 0 && k.struck[i] >= f.Times {
			continue
		}
		if f.Rate != 0 && f.Rate < 1 && k.Random(kind) >= f.Rate {
			continue
		}
		k.struck[i]++
		k.counts[kind]++
		if k.Trace != nil {
			k.Log("fault: %s strikes %s", kind, subject)
		}
		return *f, true
	}
	return Fault{}, false
}

// Lasts reports whether a fault of a kind is in force for a subject now: a state, not an
// occasion. It draws nothing, so its Rate means nothing, and it is counted once, when it
// is first met.
func (k *Kernel) Lasts(kind, subject string) (Fault, bool) {
	for i := range k.plan {
		f := k.plan[i]
		since := k.now.Sub(Epoch)
		if f.Kind == kind && (f.Of == "" || strings.HasPrefix(subject, f.Of)) &&
			since >= f.From.Duration && (f.Until.Duration == 0 || since < f.Until.Duration) {
			if k.struck[i] == 0 {
				k.struck[i] = 1
				k.counts[kind]++
			}
			return f, true
		}
	}
	return Fault{}, false
}

// Count counts a fault that had its effect where no Strikes was asked.
func (k *Kernel) Count(kind string) { k.counts[kind]++ }

// Counts is how often faults struck, by kind.
func (k *Kernel) Counts() map[string]int { return maps.Clone(k.counts) }

// Wrong is what is wrong with a fault of a plan.
type Wrong struct {
	Fault int    // its place in the plan, from 0
	Key   string // as it is written in YAML
	What  string
}

func (w Wrong) Error() string { return w.What }

// CheckPlan reports, as Wrong, what is wrong with a plan.
func CheckPlan(plan []Fault, known []Kind) error {
	for i, f := range plan {
		wrong := func(key, what string, args ...any) error { return Wrong{i, key, fmt.Sprintf(what, args...)} }
		if !slices.ContainsFunc(known, func(kind Kind) bool { return kind.Name == f.Kind }) {
			names := make([]string, len(known))
			for i, kind := range known {
				names[i] = kind.Name
			}
			slices.Sort(names)
			return wrong("kind", "there is no kind of fault %q; there are %s", f.Kind, strings.Join(names, ", "))
		}
		for key, at := range f.lengths() {
			if at.Duration < 0 {
				return wrong(key, "fault %s: %s is %s; use a time from 0 on", f.Kind, key, at)
			}
		}
		switch {
		case f.Rate < 0 || f.Rate > 1:
			return wrong("rate", "fault %s: rate %g is not between 0 and 1", f.Kind, f.Rate)
		case f.Times < 0:
			return wrong("times", "fault %s: times is %d; use a number from 0 on", f.Kind, f.Times)
		case f.Until.Duration != 0 && f.Until.Duration <= f.From.Duration:
			return wrong("until", "fault %s: it ends at %s, before it begins at %s", f.Kind, f.Until, f.From)
		}
	}
	return nil
}

// lengths are its times, by their key and in their order.
func (f Fault) lengths() iter.Seq2[string, Duration] {
	return func(yield func(string, Duration) bool) {
		_ = yield("from", f.From) && yield("until", f.Until) && yield("for", f.For)
	}
}
