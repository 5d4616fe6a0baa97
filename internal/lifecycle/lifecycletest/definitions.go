package lifecycletest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Definitions are the task definitions, in the order of their registration. Deleted ones
// are gone.
type Definitions struct {
	w         *World
	kept      []fleet.RegisteredDefinition
	revisions map[string]int // of each family, deleted ones too
	Calls     int            // of all but Register and Find

	Fails       error // of Register and Find
	Refuses     error // of all other methods
	Undeletable error // of DeleteDefinitions
}

// Register finds the active definition of a content or makes one.
func (d *Definitions) Register(_ context.Context, definition fleet.TaskDefinition) (arn string, err error) {
	err = d.w.point("Definitions.Register", func() error {
		if d.Fails != nil {
			return d.Fails
		}
		arn = d.register(definition.Family(), d.w.now)
		return nil
	})
	return arn, err
}

// Find finds the active definition of a content.
func (d *Definitions) Find(_ context.Context, definition fleet.TaskDefinition) (arn string, ok bool, err error) {
	err = d.w.point("Definitions.Find", func() error {
		if d.Fails != nil {
			return d.Fails
		}
		arn, ok = d.active(definition.Family())
		return nil
	})
	return arn, ok, err
}

func (d *Definitions) active(family string) (arn string, ok bool) {
	for _, known := range slices.Backward(d.kept) {
		if known.Family == family && known.Active {
			return known.ARN, true
		}
	}
	return "", false
}

func (d *Definitions) register(family string, at time.Time) string {
	if arn, ok := d.active(family); ok {
		return arn
	}
	d.revisions[family]++
	made := fleet.RegisteredDefinition{
		ARN: fmt.Sprintf("definition/%s:%d", family, d.revisions[family]), Family: family, Active: true, RegisteredAt: at,
	}
	d.kept = append(d.kept, made)
	return made.ARN
}

// Families lists the families of the fleet's definitions.
func (d *Definitions) Families(context.Context) (families []string, err error) {
	err = d.w.point("Definitions.Families", func() error {
		d.Calls++
		if d.Refuses != nil {
			return d.Refuses
		}
		for _, known := range d.kept {
			if fleet.OwnsFamily(Name, known.Family) {
				families = append(families, known.Family)
			}
		}
		slices.Sort(families)
		families = slices.Compact(families)
		return nil
	})
	return families, err
}

// Definitions yields all definitions of the fleet.
func (d *Definitions) Definitions(ctx context.Context) iter.Seq2[fleet.RegisteredDefinition, error] {
	return func(yield func(fleet.RegisteredDefinition, error) bool) {
		families, err := d.Families(ctx)
		if err != nil {
			yield(fleet.RegisteredDefinition{}, err)
			return
		}
		for _, family := range families {
			for found, err := range d.DefinitionsOf(ctx, family) {
				if !yield(found, err) || err != nil {
					return
				}
			}
		}
	}
}

// DefinitionsOf yields the definitions of a family.
func (d *Definitions) DefinitionsOf(_ context.Context, family string) iter.Seq2[fleet.RegisteredDefinition, error] {
	return func(yield func(fleet.RegisteredDefinition, error) bool) {
		var found []fleet.RegisteredDefinition
		err := d.w.point("Definitions.DefinitionsOf", func() error {
			d.Calls++
			for _, known := range d.kept {
				if known.Family == family {
					found = append(found, known)
				}
			}
			return d.Refuses
		})
		if err != nil {
			yield(fleet.RegisteredDefinition{}, err)
			return
		}
		for _, known := range found {
			if !yield(known, nil) {
				return
			}
		}
	}
}

// Deregister makes a definition inactive.
func (d *Definitions) Deregister(_ context.Context, arn string) error {
	return d.w.point("Definitions.Deregister", func() error {
		d.Calls++
		for i := range d.kept {
			if k := &d.kept[i]; k.ARN == arn && k.Active && d.Refuses == nil {
				k.Active, k.DeregisteredAt = false, d.w.now
			}
		}
		return d.Refuses
	})
}

// DeleteDefinitions deletes inactive definitions.
func (d *Definitions) DeleteDefinitions(_ context.Context, arns []string) error {
	return d.w.point("Definitions.DeleteDefinitions", func() error {
		d.Calls++
		if d.Undeletable != nil {
			return d.Undeletable
		}
		for _, arn := range arns {
			i := slices.IndexFunc(d.kept, func(k fleet.RegisteredDefinition) bool { return k.ARN == arn })
			if i < 0 {
				continue
			}
			if d.kept[i].Active {
				return fmt.Errorf("asked to delete %s, which is active", arn)
			}
			d.kept = slices.Delete(d.kept, i, i+1)
		}
		return d.Refuses
	})
}

// Count is how many definitions there are.
func (d *Definitions) Count() int { return len(d.kept) }

// Add makes the active definition of a family, registered at a time.
func (d *Definitions) Add(family string, at time.Time) (arn string) { return d.register(family, at) }

// Retire deregisters a definition at a time, as another process would.
func (d *Definitions) Retire(arn string, at time.Time) {
	for i := range d.kept {
		if d.kept[i].ARN == arn {
			d.kept[i].Active, d.kept[i].DeregisteredAt = false, at
		}
	}
}

// Has reports whether a definition is there, and whether it is active.
func (d *Definitions) Has(arn string) (known, active bool) {
	for _, k := range d.kept {
		if k.ARN == arn {
			return true, k.Active
		}
	}
	return false, false
}
