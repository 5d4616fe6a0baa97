package simulation

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
)

// WarmConfig is a pool of a scenario: of one class, in each repository, between two times.
type WarmConfig struct {
	Class           string          `yaml:"class,omitempty"` // small if it is empty
	Count           int             `yaml:"count"`
	From            kernel.Duration `yaml:"from,omitempty"`
	Until           kernel.Duration `yaml:"until"` // an idle runner would keep the fleet from rest
	Image           string          `yaml:"image,omitempty"`
	RotateAfter     kernel.Duration `yaml:"rotate_after,omitempty"`
	IdleHoursPerDay int             `yaml:"idle_hours_per_day,omitempty"`
}

func (c WarmConfig) check() error {
	if c.Until.Duration <= c.From.Duration+time.Minute || c.Until.Duration > 18*time.Hour {
		return fmt.Errorf("fleet.warm: until is %s; it comes a minute after from, or later, and 18h after the beginning at most", c.Until.Duration)
	}
	return c.warm().Check()
}

// warm is the pool as the configuration has it: a schedule of whole minutes of each day.
func (c WarmConfig) warm() fleet.Warm {
	clock := func(d kernel.Duration) string { return kernel.Epoch.Add(d.Duration).Format("15:04") }
	return fleet.Warm{
		Count: c.Count, Schedule: "daily " + clock(c.From) + "-" + clock(c.Until), Image: c.Image,
		RotateAfter: fleet.Age(c.RotateAfter.Duration), IdleHoursPerDay: c.IdleHoursPerDay,
	}
}

func (f FleetConfig) warmClasses(classes map[string]fleet.Class) map[string]fleet.Class {
	for _, c := range f.Warm {
		name, warm := cmp.Or(c.Class, "small"), c.warm()
		class := classes[name]
		class.Warm = &warm
		classes[name] = class
	}
	return classes
}

// WarmHistory is the history of a seed in a fleet that keeps idle runners.
func WarmHistory(seed uint64) Scenario {
	s := History(seed)
	d := &dice{seed: seed ^ 0x7761726d}
	s.Name += " with warm runners"
	for _, class := range []string{"small", "large", "spot"}[:d.between(1, 3)] {
		c := WarmConfig{Class: class, Count: d.between(1, 4), Until: d.minutes(5, 60)}
		if d.chance(0.3) {
			c.From = d.minutes(1, 3)
		}
		if d.chance(0.3) {
			c.RotateAfter = kernel.Duration{Duration: time.Duration(d.between(10, 20)) * time.Minute}
		}
		if d.chance(0.2) {
			c.IdleHoursPerDay = 1
		}
		if class == "large" && s.Fleet.ExtraImage && d.chance(0.5) {
			c.Image = "gpu"
		}
		s.Fleet.Warm = append(s.Fleet.Warm, c)
	}
	if d.chance(0.4) { // as GitHub has done since September 2026
		s.Faults = append(s.Faults, kernel.Fault{Kind: "github.idle_deleted", For: d.minutes(2, 6), Until: kernel.Duration{Duration: time.Hour}})
	}
	if seed%4 == 3 {
		s = inOrganization(s, seed)
	}
	return s
}
