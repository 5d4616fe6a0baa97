package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const lookForImages = 10 * time.Second

// images are what the fleet has noted of its images.
type images interface {
	Images(ctx context.Context) ([]fleet.ImageRecord, error)
}

// registry is where images are that the fleet did not build.
type registry interface {
	Published(ctx context.Context, tag string) (digest string, ok bool, err error)
}

// BaseImage waits until the base image can be used, of each architecture. A build that
// failed ends the wait: doctor says why. published may be nil.
func (s Setup) BaseImage(ctx context.Context, noted images, published registry) error {
	for _, spec := range s.Policy.StandingImages() {
		if spec.Kind != fleet.BaseImage {
			continue
		}
		step, said := fmt.Sprintf("base image for %s", spec.Arch), false
		err := s.until(ctx, lookForImages, s.Limit, func(ctx context.Context) (bool, error) {
			record, err := recordOf(ctx, noted, spec.Tag())
			switch {
			case err != nil:
				return false, err
			case record.Usable():
				s.Say("%s: revision %d is built", step, record.Revision)
				return true, nil
			case record.Failure != nil && !record.Failure.MayPass:
				s.Say("%s: it could not be built", step)
				return true, nil
			}
			if published != nil {
				switch _, ok, err := published.Published(ctx, spec.PublishTag()); {
				case err != nil:
					return false, err
				case ok:
					s.Say("%s: it is published under its tag", step)
					return true, nil
				}
			}
			if !said {
				s.Say("%s: waiting for its build, which takes some minutes", step)
				said = true
			}
			return false, nil
		})
		if errors.Is(err, errOver) {
			s.Say("%s: it is not built after %s", step, s.Limit)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

func recordOf(ctx context.Context, noted images, tag string) (fleet.ImageRecord, error) {
	all, err := noted.Images(ctx)
	for _, record := range all {
		if record.Tag == tag {
			return record, err
		}
	}
	return fleet.ImageRecord{}, err
}
