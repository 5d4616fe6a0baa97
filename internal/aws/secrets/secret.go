// Package secrets reads a fleet's secrets from Secrets Manager.
//
// A caller can have a secret read again before its five minutes are over, when a
// signature fits none of its values or GitHub refuses the token, but not more often
// than once a minute: otherwise anyone who sends bad signatures could make the fleet
// call Secrets Manager.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/kept"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// client is the part of Secrets Manager's API that secrets need.
type client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Stages of a secret's versions. When a value is replaced, Secrets Manager moves
// the labels by itself.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// rotation is how long the previous value stays valid after its replacement: time to
// change it at GitHub, and no more, because it may have been replaced after a leak.
const rotation = 24 * time.Hour

// refreshEvery is the least time between two reads that refusals cause.
const refreshEvery = time.Minute

// Secret is one secret of Secrets Manager, a plain text. No error and no log has
// its value. Reading fails with Secret.Missing if there is none, if it is empty or
// may not be read, and with AWS.Unavailable if Secrets Manager does not answer.
type Secret struct {
	SecretsManager client
	ID             string // name or ARN
	Now            func() time.Time

	kept kept.Value[versions]
}

type versions struct {
	values   []string // the current one first
	replaced time.Time
}

// Values returns the current value and, until a day after its replacement, the
// previous one. They are at most five minutes old.
func (s *Secret) Values(ctx context.Context) ([]string, error) {
	now := s.Now()
	v, err := s.kept.Get(ctx, now, s.read)
	if err != nil {
		return nil, err
	}
	return v.at(now), nil
}

// at leaves out the previous value once its time is over.
func (v versions) at(now time.Time) []string {
	values := v.values
	if len(values) > 1 && now.Sub(v.replaced) >= rotation {
		values = values[:1]
	}
	return slices.Clone(values)
}

// Value returns the current value, at most five minutes old.
func (s *Secret) Value(ctx context.Context) (string, error) {
	values, err := s.Values(ctx)
	if err != nil {
		return "", err
	}
	return values[0], nil
}

// WebhookSecrets is Values by the name that the webhook knows.
func (s *Secret) WebhookSecrets(ctx context.Context) ([]string, error) { return s.Values(ctx) }

// Refresh reads the secret again although it is known, because a signature fits none of
// its values, or GitHub refuses it. It returns true if there are new values, so that
// another try is worth it. If the last read, for any reason, was less than a minute
// ago, it does not read and returns false.
func (s *Secret) Refresh(ctx context.Context) (changed bool, err error) {
	now := s.Now()
	was, is, looked, err := s.kept.Again(ctx, now, refreshEvery, s.read)
	if err != nil || !looked {
		return false, err
	}
	return !slices.Equal(was.at(now), is.at(now)), nil
}

func (s *Secret) read(ctx context.Context) (versions, error) {
	now, replaced, err := s.version(ctx, current)
	if isMissing(err) {
		return versions{}, missing(err, "secret %s has no value; store one with `aws secretsmanager put-secret-value --secret-id %s --secret-string file:///dev/stdin`", s.ID, s.ID)
	}
	if err != nil {
		return versions{}, err
	}
	before, _, err := s.version(ctx, previous)
	switch {
	case isMissing(err): // it was never replaced
		return versions{values: []string{now}}, nil
	case err != nil:
		return versions{}, err
	}
	return versions{values: []string{now, before}, replaced: replaced}, nil
}

// version returns a version's value and when it was made. Line ends at its end do not
// count: files have them, secrets do not.
func (s *Secret) version(ctx context.Context, stage string) (string, time.Time, error) {
	out, err := s.SecretsManager.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(s.ID), VersionStage: aws.String(stage)})
	if isMissing(err) {
		return "", time.Time{}, err
	}
	if isForbidden(err) {
		return "", time.Time{}, missing(err, "secret %s may not be read by the function; if it has a key of its own in KMS, let the function's role use that", s.ID)
	}
	if err != nil {
		return "", time.Time{}, awserr.CallError(err, "read secret %s (%s)", s.ID, stage)
	}
	value := strings.TrimRight(aws.ToString(out.SecretString), "\r\n")
	if value == "" {
		return "", time.Time{}, missing(nil, "secret %s (%s) is empty, or binary: store it as text", s.ID, stage)
	}
	return value, aws.ToTime(out.CreatedDate), nil
}

// missing says in few words what to do; the SDK's error is only kept as the cause.
func missing(cause error, format string, args ...any) error {
	return &fleet.Error{Name: fleet.SecretMissing, Message: fmt.Sprintf(format, args...), Err: cause}
}

// isForbidden reports whether a policy denied the secret, or the key that it is
// encrypted with.
func isForbidden(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && (refused.ErrorCode() == "AccessDeniedException" || refused.ErrorCode() == "DecryptionFailure")
}

func isMissing(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}
