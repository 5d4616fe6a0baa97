package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// definitions is where the platform keeps the task definitions of this fleet.
// Deregister and DeleteDefinitions return no error for a definition that is already
// gone.
type definitions interface {
	// Families lists the families, sorted.
	Families(ctx context.Context) ([]string, error)
	// DefinitionsOf yields the definitions of a family. After an error it yields
	// nothing more.
	DefinitionsOf(ctx context.Context, family string) iter.Seq2[fleet.RegisteredDefinition, error]
	Deregister(ctx context.Context, arn string) error
	// DeleteDefinitions deletes definitions that are deregistered.
	DeleteDefinitions(ctx context.Context, arns []string) error
}

// When a task definition may be deregistered and deleted.
const (
	// unusedFor is the age from which a definition may be deregistered: an image that
	// is used every hour keeps its definition, and one that is used now and then costs
	// one registration a day.
	unusedFor = 24 * time.Hour
	// deletable is how long after that it is deleted: for ten minutes ECS may still
	// start tasks from it.
	deletable = 10 * time.Minute
	// lookAgain is how long after a look at all families the next look begins.
	lookAgain = time.Hour
)

// The most that one sweep does about task definitions. ECS allows an account twenty
// registrations and deregistrations in a burst and one a second, and runners that start
// need them. Looking costs two lists and a request for each definition of a family.
const (
	mostFamilies     = 10
	mostDeregistered = 5
	mostDeleted      = 10
)

// definitionsCursor keeps how far the look at all families got.
const definitionsCursor = "task_definitions"

// look is the cursor's text, in JSON: either a look is under way, and families up
// to After are done, or the next one is due at Next.
type look struct {
	After string    `json:"after,omitempty"`
	Next  time.Time `json:"next,omitzero"`
}

// dueLook reads a look's cursor, and returns its text too.
func (s *sweep) dueLook(ctx context.Context, cursor string) (at look, text string, err error) {
	if text, err = s.Records.Cursor(ctx, cursor); err != nil {
		return look{}, "", err
	}
	if json.Unmarshal([]byte(text), &at) != nil {
		at = look{} // none yet
	}
	return at, text, nil
}

// definitions deregisters task definitions that are no longer used, and deletes those
// that were deregistered. If a runner was about to be started from one, the platform
// refuses, and the runner's execution registers it again.
func (s *sweep) definitions(ctx context.Context) error {
	if s.Definitions == nil {
		return nil
	}
	at, text, err := s.dueLook(ctx, definitionsCursor)
	if err != nil || s.now.Before(at.Next) {
		return err
	}
	kept, known, err := s.familiesInUse(ctx)
	if err != nil || !known {
		return err
	}
	families, err := s.Definitions.Families(ctx)
	if err != nil {
		return err
	}
	families = slices.DeleteFunc(families, func(family string) bool { return kept[family] || family <= at.After })
	at, failed := s.retireSome(ctx, families, at.After)
	encoded, err := json.Marshal(at)
	if err != nil {
		return errors.Join(failed, fmt.Errorf("encode cursor %s: %w", definitionsCursor, err))
	}
	if string(encoded) == text {
		return failed
	}
	return errors.Join(failed, s.Records.PutCursor(ctx, definitionsCursor, string(encoded)))
}

// familiesInUse are the families of open runners, of the images that the configuration
// names, and of images that jobs have used lately. The next job registers any other
// family again. known is false as long as an open runner of the release before is
// there: its record does not say what it uses.
func (s *sweep) familiesInUse(ctx context.Context) (kept map[string]bool, known bool, err error) {
	kept = map[string]bool{}
	records, err := s.Images.Images(ctx)
	if err != nil {
		return nil, false, err
	}
	standing := map[string]bool{}
	for _, spec := range s.Policy.StandingImages() {
		standing[spec.Tag()] = true
	}
	for _, r := range records {
		// The time of the last use is exact to a day.
		if r.Digest != "" && (standing[r.Tag] || s.now.Sub(r.UsedAt) < 2*unusedFor) {
			kept[fleet.TaskDefinition{FleetName: s.Fleet.Name, Image: r.Digest, Arch: r.Spec.Arch}.Family()] = true
		}
	}
	// Runners come last: the list then includes runners that registered since the
	// images were read.
	open, err := s.Records.OpenRunners(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, r := range open {
		switch {
		case r.TaskDefinition != "":
			kept[fleet.DefinitionFamily(r.TaskDefinition)] = true
		case !r.At(fleet.StageImageReady).IsZero():
			return nil, false, nil
		}
	}
	return kept, true, nil
}

// retireSome works through families, starting with the first that is left, and returns
// how far it got. If a family fails, or has too much to do, the next look does the
// rest.
func (s *sweep) retireSome(ctx context.Context, families []string, after string) (look, error) {
	begin := after
	var failed []error
	var r retirement
	for _, family := range families[:min(mostFamilies, len(families))] {
		err := s.retire(ctx, family, &r)
		if failed = append(failed, err); hopeless(err) {
			break
		}
		if after = family; r.full() {
			break
		}
	}
	if len(r.deletable) > 0 {
		err := s.Definitions.DeleteDefinitions(ctx, r.deletable)
		if failed = append(failed, err); hopeless(err) {
			after = begin
		}
	}
	if len(families) == 0 || after == families[len(families)-1] {
		return look{Next: s.now.Add(lookAgain)}, errors.Join(failed...)
	}
	return look{After: after}, errors.Join(failed...)
}

// retirement is what one sweep has done about task definitions so far.
type retirement struct {
	deregistered int
	deletable    []string
}

func (r retirement) full() bool {
	return r.deregistered == mostDeregistered || len(r.deletable) == mostDeleted
}

// retire deregisters and collects the family's definitions that may go, until r is
// full.
func (s *sweep) retire(ctx context.Context, family string, r *retirement) error {
	for d, err := range s.Definitions.DefinitionsOf(ctx, family) {
		switch {
		case err != nil:
			return err
		case d.Active && s.now.Sub(d.RegisteredAt) >= unusedFor:
			if err := s.counted(DefinitionUnused, s.Definitions.Deregister(ctx, d.ARN)); err != nil {
				return err
			}
			r.deregistered++
		case !d.Active && s.now.Sub(d.DeregisteredAt) >= deletable:
			r.deletable = append(r.deletable, d.ARN)
		}
		if r.full() {
			return nil
		}
	}
	return nil
}
