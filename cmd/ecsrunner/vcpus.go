package main

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/quotas"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/report"
)

// quotasFor is how long the account's quotas are kept: raising one takes AWS hours.
const quotasFor = time.Hour

// vcpusAllowed reads the account's quotas of Fargate, at most once an hour. It keeps a
// failure for an hour too: without the permission to read them, asking again is no use.
func (c *cloud) vcpusAllowed() func(context.Context) (map[fleet.CapacityProvider]float64, error) {
	source := quotas.Quotas{ServiceQuotas: servicequotas.NewFromConfig(c.config)}
	return remember(quotasFor, time.Now, func(ctx context.Context) (map[fleet.CapacityProvider]float64, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		all, err := source.Quotas(ctx, "fargate")
		if err != nil {
			return nil, c.explain(err)
		}
		return doctor.VCPUs(all), nil
	})
}

// remember keeps what read answers for a while. Only a call that was given up is not kept.
func remember[T any](long time.Duration, now func() time.Time, read func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var value T
	var failed error
	var at time.Time
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || now().Sub(at) >= long {
			value, failed = read(ctx)
			if ctx.Err() == nil {
				at = now()
			}
		}
		return value, failed
	}
}

// vcpus compares the open runners with the account's limits, and has nothing of a fleet
// that is not on AWS. If the limits cannot be read it says so once.
func (f *opened) vcpus(cmd *cobra.Command) func(context.Context) ([]report.VCPUs, error) {
	if f.cloud == nil {
		return func(context.Context) ([]report.VCPUs, error) { return []report.VCPUs{}, nil }
	}
	allowed, store := f.cloud.vcpusAllowed(), f.cloud.store()
	said := false
	return func(ctx context.Context) ([]report.VCPUs, error) {
		limits, err := allowed(ctx)
		if err != nil {
			if !said && !isTerminal(cmd.OutOrStdout()) {
				cmd.PrintErrf("the account's vCPUs are left out: %v\n", err)
			}
			said = true
			return []report.VCPUs{}, nil
		}
		settings, err := f.records.Settings(ctx)
		if err != nil {
			return nil, err
		}
		open, err := store.OpenRunners(ctx)
		return report.VCPUsOf(open, settings.ClassSizes, limits), err
	}
}
