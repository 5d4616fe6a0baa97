package setup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

const (
	// A delivery is listed some seconds after it was answered.
	lookForDeliveries = 2 * time.Second
	// arrivesWithin is how long a delivery is looked for: GitHub waits ten seconds for an
	// answer, a server of one's own thirty.
	arrivesWithin = time.Minute
	// pingTries is how often a ping is sent: the first one may meet a secret that differs,
	// or a fleet that has just been started.
	pingTries = 3
	// mostLookedAt is how many deliveries are looked at, the newest first.
	mostLookedAt = 100
)

// Pings sends a ping to each webhook and waits for the fleet's answer. It fails only if
// GitHub cannot be asked: what the fleet has answered is doctor's to judge.
func (s Setup) Pings(ctx context.Context) error {
	for _, place := range s.places() {
		hook, err := s.find(ctx, place)
		if err != nil {
			return fmt.Errorf("look for the webhook of %s: %w", place.name, err)
		}
		err = s.arrives(ctx, "ping of "+place.name, delivering{
			list: func(ctx context.Context) iter.Seq2[github.Delivery, error] {
				return s.GitHub.HookDeliveries(ctx, place.at, hook.ID)
			},
			ping:   func(ctx context.Context) error { return s.GitHub.PingHook(ctx, place.at, hook.ID) },
			repeat: func(ctx context.Context, id int64) error { return s.GitHub.Redeliver(ctx, place.at, hook.ID, id) },
			secret: func(ctx context.Context, to github.HookSettings) error {
				return s.GitHub.UpdateHook(ctx, place.at, hook, github.AppEvent, to)
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AppPing is Pings for the App's webhook. GitHub has no request that pings it: it pings a
// new App by itself, and that delivery, or the newest, is repeated.
func (s Setup) AppPing(ctx context.Context) error {
	return s.arrives(ctx, "ping", delivering{list: s.GitHub.AppHookDeliveries, repeat: s.GitHub.RedeliverOfApp, secret: s.GitHub.SetAppHook})
}

// delivering is a webhook that is tried.
type delivering struct {
	list   func(context.Context) iter.Seq2[github.Delivery, error] // the newest first
	ping   func(context.Context) error                             // nil if there is no request for it
	repeat func(ctx context.Context, id int64) error
	secret func(context.Context, github.HookSettings) error // gives it the fleet's
}

// send has something delivered. A ping that was not accepted is repeated, so that it is not
// found among what failed afterwards. ok is false if there is nothing to deliver.
func (d delivering) send(ctx context.Context, last []github.Delivery) (ok bool, err error) {
	if failed, ok := failedPing(last); ok {
		return true, d.repeat(ctx, failed.ID)
	}
	switch i := slices.IndexFunc(last, isPing); {
	case d.ping != nil:
		return true, d.ping(ctx)
	case i >= 0:
		return true, d.repeat(ctx, last[i].ID)
	case len(last) > 0:
		return true, d.repeat(ctx, last[0].ID)
	}
	return false, nil
}

func isPing(d github.Delivery) bool { return d.Event == "ping" }

// failedPing is the newest ping that was not accepted, nor when it was repeated.
func failedPing(last []github.Delivery) (github.Delivery, bool) {
	accepted := map[string]bool{}
	for _, d := range last {
		if accepted[d.GUID] = accepted[d.GUID] || d.OK(); isPing(d) && !accepted[d.GUID] {
			return d, true
		}
	}
	return github.Delivery{}, false
}

// arrives has something delivered until the fleet has accepted it.
func (s Setup) arrives(ctx context.Context, step string, d delivering) error {
	for try := 1; ; try++ {
		before, err := d.last(ctx)
		if err != nil {
			return fmt.Errorf("%s: list the webhook's deliveries: %w", step, err)
		}
		sent, err := d.send(ctx, before)
		if err != nil {
			return fmt.Errorf("%s: send it: %w", step, err)
		}
		if !sent {
			s.Say("%s: GitHub keeps no delivery that could be repeated; that of the first job will show whether the fleet answers", step)
			return nil
		}
		answer, err := s.answer(ctx, d, before)
		switch {
		case errors.Is(err, errOver):
			s.Say("%s: GitHub lists no answer of the fleet after %s", step, arrivesWithin)
			return nil
		case err != nil:
			return fmt.Errorf("%s: list the webhook's deliveries: %w", step, err)
		case answer.OK():
			s.Say("%s: it has arrived, and the fleet answered %d", step, answer.StatusCode)
			return nil
		case try == pingTries:
			s.Say("%s: the fleet has not accepted it (GitHub says %d %s)", step, answer.StatusCode, answer.Status)
			return nil
		case answer.StatusCode == http.StatusUnauthorized:
			to, err := s.settings(ctx)
			if err == nil {
				err = d.secret(ctx, to)
			}
			if err != nil {
				return fmt.Errorf("%s: give the webhook the fleet's secret: %w", step, err)
			}
			s.Say("%s: the webhook had another secret, and has the fleet's now", step)
		}
	}
}

// last are the newest deliveries.
func (d delivering) last(ctx context.Context) (all []github.Delivery, err error) {
	for one, err := range d.list(ctx) {
		if err != nil {
			return nil, err
		}
		if all = append(all, one); len(all) == mostLookedAt {
			break
		}
	}
	return all, nil
}

// answer waits for a delivery that was not listed before.
func (s Setup) answer(ctx context.Context, d delivering, before []github.Delivery) (answer github.Delivery, err error) {
	known := map[int64]bool{}
	for _, one := range before {
		known[one.ID] = true
	}
	err = s.until(ctx, lookForDeliveries, arrivesWithin, func(ctx context.Context) (bool, error) {
		now, err := d.last(ctx)
		for _, one := range now {
			if !known[one.ID] {
				answer = one
				return true, nil
			}
		}
		return false, err
	})
	return answer, err
}
