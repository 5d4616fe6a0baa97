package secrets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/functions/webhook"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

var _ = webhook.Handler{Secrets: &Secret{}}

// clock is a time that a test sets.
type clock struct{ t time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// safe is Secrets Manager with one secret.
type safe struct {
	mu       sync.Mutex
	now      func() time.Time
	values   map[string]string // by stage
	replaced time.Time
	err      error
	errOf    string // the stage that fails; every one if empty
	read     int    // of the current value
}

func newSafe(at *clock) *safe { return &safe{now: at.now, values: map[string]string{current: "one"}} }

// put replaces the value, as put-secret-value does.
func (s *safe) put(value string) {
	s.values[previous], s.values[current] = s.values[current], value
	s.replaced = s.now()
}

func (s *safe) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stage := *in.VersionStage
	if stage == current {
		s.read++
	}
	if s.err != nil && (s.errOf == "" || s.errOf == stage) {
		return nil, s.err
	}
	value, ok := s.values[stage]
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for staging label: " + stage)}
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(value), CreatedDate: aws.Time(s.replaced)}, nil
}

func TestValues(t *testing.T) {
	tests := map[string]struct {
		prepare func(*safe, *clock)
		want    string // the values, in order
	}{
		"a secret that was never replaced":    {func(*safe, *clock) {}, "one"},
		"one that was":                        {func(s *safe, _ *clock) { s.put("two") }, "two one"},
		"one that was twice":                  {func(s *safe, _ *clock) { s.put("two"); s.put("three") }, "three two"},
		"almost a day after it was":           {func(s *safe, at *clock) { s.put("two"); at.advance(rotation - time.Second) }, "two one"},
		"a day after it was":                  {func(s *safe, at *clock) { s.put("two"); at.advance(rotation) }, "two"},
		"one that was stored with a line end": {func(s *safe, _ *clock) { s.values[current] = "one\r\n" }, "one"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			at := newClock()
			s := newSafe(at)
			test.prepare(s, at)
			secret := &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}
			values, err := secret.WebhookSecrets(t.Context())
			if err != nil || strings.Join(values, " ") != test.want {
				t.Errorf("got %q, %v", values, err)
			}
			if value, err := secret.Value(t.Context()); err != nil || value != values[0] || s.read != 1 {
				t.Errorf("got %q, %v after %d reads", value, err, s.read)
			}
		})
	}
}

func TestThePreviousValueEndsWhileItIsKept(t *testing.T) {
	at := newClock()
	s := newSafe(at)
	s.put("two")
	at.advance(rotation - time.Second)
	secret := &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}
	for _, want := range []int{2, 1} {
		if values, err := secret.Values(t.Context()); err != nil || len(values) != want {
			t.Errorf("got %q, %v", values, err)
		}
		at.advance(time.Second)
	}
}

func TestASecretThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		prepare func(*safe)
		name    string
		says    string
	}{
		"there is none":                {func(s *safe) { delete(s.values, current) }, fleet.SecretMissing, "put-secret-value --secret-id ci/webhook"},
		"it is empty":                  {func(s *safe) { s.values[current] = "\n" }, fleet.SecretMissing, "is empty"},
		"its previous value is empty":  {func(s *safe) { s.values[previous] = "" }, fleet.SecretMissing, "is empty"},
		"a throttle":                   {func(s *safe) { s.err = &smithy.GenericAPIError{Code: "ThrottlingException"} }, fleet.AWSUnavailable, "ci/webhook"},
		"a throttle at the second one": {func(s *safe) { s.errOf, s.err = previous, &smithy.GenericAPIError{Code: "ThrottlingException"} }, fleet.AWSUnavailable, "ci/webhook"},
		"a mistake of AWS":             {func(s *safe) { s.err = &types.InternalServiceError{} }, fleet.AWSUnavailable, "ci/webhook"},
		"a permission that lacks":      {func(s *safe) { s.err = &smithy.GenericAPIError{Code: "AccessDeniedException"} }, fleet.SecretMissing, "may not be read"},
		"a key that cannot be used":    {func(s *safe) { s.err = &types.DecryptionFailure{} }, fleet.SecretMissing, "may not be read"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			at := newClock()
			s := newSafe(at)
			s.values[current] = "hunter2"
			test.prepare(s)
			secret := &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}
			values, err := secret.Values(t.Context())
			if err == nil || values != nil || fleet.ErrorName(err) != test.name || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %q, %v", values, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

// Bad signatures can cause these calls.
func TestRefresh(t *testing.T) {
	at := newClock()
	s := newSafe(at)
	secret := &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}
	throttled := &smithy.GenericAPIError{Code: "ThrottlingException"}
	steps := []struct {
		sentence string
		do       func()
		refresh  bool
		reads    int
		changed  bool
		fails    bool
		want     string
	}{
		{"the first look", func() {}, false, 1, false, false, "one"},
		{"a bad signature at once", func() {}, true, 1, false, false, "one"},
		{"the secret is replaced", func() { s.put("two") }, false, 1, false, false, "one"},
		{"a new signature, a second later", func() { at.advance(time.Second) }, true, 1, false, false, "one"},
		{"a new signature, a minute later", func() { at.advance(time.Minute) }, true, 2, true, false, "two one"},
		{"a hundred bad ones", func() {
			for range 100 {
				_, _ = secret.Refresh(t.Context())
			}
		}, true, 2, false, false, "two one"},
		{"a bad one, a minute later", func() { at.advance(time.Minute) }, true, 3, false, false, "two one"},
		{"Secrets Manager is away", func() { at.advance(time.Minute); s.err = throttled }, true, 4, false, true, "two one"},
		{"and a bad one at once after that", func() {}, true, 4, false, false, "two one"},
		{"it is back, and the value is too old", func() { at.advance(5 * time.Minute); s.err = nil }, false, 5, false, false, "two one"},
		{"a bad one after an ordinary look", func() {}, true, 5, false, false, "two one"},
	}
	for _, step := range steps {
		step.do()
		if step.refresh {
			changed, err := secret.Refresh(t.Context())
			if changed != step.changed || (err != nil) != step.fails {
				t.Errorf("%s: changed %v, %v", step.sentence, changed, err)
			}
		}
		values, err := secret.Values(t.Context())
		if err != nil || strings.Join(values, " ") != step.want || s.read != step.reads {
			t.Errorf("%s: %q, %v after %d reads; want %q after %d", step.sentence, values, err, s.read, step.want, step.reads)
		}
	}
}

// A webhook that is signed with the new secret is accepted, and a thousand wrong ones
// cost one read a minute.
func TestTheWebhookLooksAgain(t *testing.T) {
	at := newClock()
	s := newSafe(at)
	hook := webhook.Handler{Secrets: &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}, Now: at.now, Log: slog.New(slog.DiscardHandler)}
	ping := func(secret string) int {
		body := []byte(`{"hook":{"events":["workflow_job"]}}`)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return hook.Handle(t.Context(), webhook.Request{Method: "POST", Body: body, Header: map[string]string{
			"Content-Type": "application/json", "X-GitHub-Event": "ping", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
		}}).Status
	}
	if status := ping("one"); status != 200 {
		t.Fatalf("got %d", status)
	}
	s.put("two")
	at.advance(time.Minute)
	if status := ping("two"); status != 200 || s.read != 2 {
		t.Errorf("the new secret: got %d after %d reads", status, s.read)
	}
	for range 1000 {
		at.advance(60 * time.Millisecond)
		if status := ping("wrong"); status != 401 {
			t.Fatalf("a wrong secret: got %d", status)
		}
	}
	if s.read != 3 {
		t.Errorf("a minute of wrong signatures: %d reads", s.read)
	}
}

func TestManyAtOnce(t *testing.T) {
	at := newClock()
	s := newSafe(at)
	secret := &Secret{SecretsManager: s, ID: "ci/webhook", Now: at.now}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			values, err := secret.Values(context.Background())
			if err != nil || !slices.Equal(values, []string{"one"}) {
				t.Errorf("got %q, %v", values, err)
			}
			values[0] = "it is ours"
			_, _ = secret.Refresh(context.Background())
		})
	}
	all.Wait()
	if s.read != 1 {
		t.Errorf("%d reads", s.read)
	}
}
