// Package price has what AWS and GitHub charge, from one file with the date and the source
// of each price, and what a task of a class costs.
//
// The file has prices of us-east-1 alone. Those of another region are estimates at the
// prices of us-east-1 until the file has them, and say so. A bill is another thing: Spot's
// price varies, and the account may have agreed on others. docs/cost.md is made from it.
package price

import (
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	freeStorage = 20 // GB of every task
	leastBilled = time.Minute
)

// Book has the prices of one region.
type Book struct {
	Region string
	// Estimated reports that the file has no prices of the region, and those of us-east-1
	// are used.
	Estimated bool
	AsOf      string // of the oldest of the prices
	prices    map[string]float64
}

// In returns the prices of a region; "" is us-east-1.
func In(region string) Book {
	book := Book{Region: region, prices: map[string]float64{}}
	if region == "" {
		book.Region = Home
	}
	for _, p := range List().Prices {
		if p.Region == Home {
			book.prices[p.Name] = p.USD
		}
	}
	book.Estimated = book.Region != Home
	for _, p := range List().Prices {
		if p.Region == book.Region {
			book.prices[p.Name], book.Estimated = p.USD, false
		}
	}
	for _, p := range List().Prices {
		if book.AsOf == "" || p.AsOf < book.AsOf {
			book.AsOf = p.AsOf
		}
	}
	return book
}

// Hour is the price of an hour of a task of the class, in dollars.
func (b Book) Hour(class fleet.Class, provider fleet.CapacityProvider) float64 {
	arch := fleet.X64
	if class.Arch == fleet.ARM64 {
		arch = fleet.ARM64
	}
	rate := "fargate/" + string(arch)
	dollars := float64(class.CPU)/1024*b.prices[rate+"/vcpu"] + float64(class.Memory)/1024*b.prices[rate+"/memory"]
	if provider == fleet.FargateSpot {
		dollars *= b.prices["fargate/spot"]
	}
	return dollars + float64(max(0, class.EphemeralStorage-freeStorage))*b.prices["fargate/storage"]
}

// Task is the price of a task of the class that took a time. Fargate bills by the second,
// a minute at least (https://aws.amazon.com/fargate/pricing/).
func (b Book) Task(class fleet.Class, provider fleet.CapacityProvider, took time.Duration) Amount {
	return dollars(b.Hour(class, provider) * Billed(took).Hours())
}

// Time is the price of a part of a task's time, however short.
func (b Book) Time(class fleet.Class, provider fleet.CapacityProvider, part time.Duration) Amount {
	return dollars(b.Hour(class, provider) * part.Hours())
}

// Billed is the time that Fargate bills of a task.
func Billed(took time.Duration) time.Duration {
	seconds := (took + time.Second - 1).Truncate(time.Second)
	return max(seconds, leastBilled)
}

// Runner is what the control plane costs for one runner.
func (b Book) Runner() Amount {
	total := 0.0
	for _, part := range List().Runner {
		total += part.Quantity * b.prices[part.Price]
	}
	return dollars(total)
}

// Build is the price of an image build that took a time, on the smallest machine.
func (b Book) Build(took time.Duration) Amount {
	return dollars(b.prices["codebuild/small"] * took.Minutes())
}

// Hour is the price of an hour of a task of the class in us-east-1, in dollars.
func Hour(class fleet.Class, provider fleet.CapacityProvider) float64 {
	return In(Home).Hour(class, provider)
}

// Minute is the price of a minute of a task of the class in us-east-1, in dollars.
func Minute(class fleet.Class, provider fleet.CapacityProvider) float64 {
	return Hour(class, provider) / 60
}
