package price

import (
	"cmp"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Hosted is a Linux runner that GitHub hosts for private repositories.
type Hosted struct {
	Name   string     `json:"name"`
	Arch   fleet.Arch `json:"arch"`
	VCPU   int        `json:"vcpu"`
	Memory int        `json:"memory"` // GB
	// MostMinutes is how long a job may take on it, 0 if GitHub's own limit counts.
	MostMinutes int     `json:"most_minutes,omitempty"`
	USD         float64 `json:"usd"` // a minute
	Origin
}

// HostedFor is GitHub's cheapest runner that is at least as large as the class, and on
// which a job may take the time. There is none for the largest classes.
func HostedFor(class fleet.Class, took time.Duration) (Hosted, bool) {
	arch := cmp.Or(class.Arch, fleet.X64)
	var fit []Hosted
	for _, h := range List().Hosted {
		long := h.MostMinutes > 0 && took > time.Duration(h.MostMinutes)*time.Minute
		if h.Arch == arch && h.VCPU*1024 >= class.CPU && h.Memory*1024 >= class.Memory && !long {
			fit = append(fit, h)
		}
	}
	if len(fit) == 0 {
		return Hosted{}, false
	}
	return slices.MinFunc(fit, func(a, b Hosted) int { return cmp.Compare(a.USD, b.USD) }), true
}

// Job is what GitHub charges for a job: each is rounded up to a minute
// (https://docs.github.com/en/billing/concepts/product-billing/github-actions).
func (h Hosted) Job(took time.Duration) Amount {
	return dollars(h.USD * float64(HostedMinutes(took)))
}

// HostedMinutes is how many minutes GitHub counts of a job, one at least.
func HostedMinutes(took time.Duration) int64 {
	return int64(max(1, (took+time.Minute-1)/time.Minute))
}
