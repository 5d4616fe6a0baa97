// Package price has the list prices of us-east-1 in dollars, from
// https://aws.amazon.com/fargate/pricing/. A bill is another thing: other regions have
// other prices, and Spot's price varies. docs/cost.md has what follows from them.
package price

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// rates are prices of an hour.
type rates struct{ vCPU, gigabyte float64 }

var (
	x64   = rates{0.04048, 0.004445}
	arm64 = rates{0.03238, 0.00356}
)

const (
	storage     = 0.000111 // an hour of a gigabyte over the twenty that every task has
	freeStorage = 20
	spotPart    = 0.3 // of the price on demand: it varies by day and region
)

// Hour is the price of an hour of a task of the class. Fargate bills by the second, a
// minute at least.
func Hour(class fleet.Class, provider fleet.CapacityProvider) float64 {
	rate := x64
	if class.Arch == fleet.ARM64 {
		rate = arm64
	}
	dollars := float64(class.CPU)/1024*rate.vCPU + float64(class.Memory)/1024*rate.gigabyte
	if provider == fleet.FargateSpot {
		dollars *= spotPart
	}
	return dollars + float64(max(0, class.EphemeralStorage-freeStorage))*storage
}

// Minute is the price of a minute of a task of the class.
func Minute(class fleet.Class, provider fleet.CapacityProvider) float64 {
	return Hour(class, provider) / 60
}
