package simgithub

import "errors"

// Errors of Connect.
var (
	ErrConflict    = errors.New("the JIT config was used before: Conflict")
	ErrGone        = errors.New("the registration was not found")
	ErrUnreachable = errors.New("GitHub cannot be reached")
)

// Usage is what a credential has asked for.
type Usage struct {
	Used, Remaining  int            // of the hour that runs
	MaxUsed          int            // in any hour
	MaxPoints        int            // in any minute
	MaxRegistrations int            // in any minute
	RefusedPrimary   int            // requests over the limit of an hour
	RefusedSecondary int            // requests over the limits of a minute
	Requests         map[string]int // by operation
}

// Usage returns what each credential has asked for, by its name.
func (g *GitHub) Usage() map[string]Usage { return nil }

// DeliveryCount counts webhooks.
type DeliveryCount struct {
	Made       int // events with a webhook
	Attempts   int // deliveries, and repeated ones
	Accepted   int // answered with a 2xx
	Failed     int // answered otherwise or not in time
	Redelivery int // asked for through the API
}

// Deliveries counts the webhooks so far.
func (g *GitHub) Deliveries() DeliveryCount { return DeliveryCount{} }
