package awserr

import "github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"

// Limits of SendTaskFailure, in characters
// (https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html).
// They are applied to bytes, which are never fewer.
const (
	MaxName  = 256
	MaxCause = 32768
)

// Name is an error's name within its limit.
func Name(s string) string { return fleet.ClipBytes(s, MaxName) }

// Cause is an error's cause within its limit.
func Cause(s string) string { return fleet.ClipBytes(s, MaxCause) }
