package entrypoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	// maxAnswer bounds what is read of an answer. A JIT config has some 4 KiB.
	maxAnswer = 256 << 10

	// requestTimeout bounds one claim request, for which the fleet asks GitHub
	// up to five times.
	requestTimeout = 30 * time.Second

	nonceBytes = 24
)

// Claiming is what Claim uses of the world around it.
type Claiming struct {
	// Environ has RUNNER_ID, CLAIM_URL and CLAIM_TOKEN, and on AWS what the identity
	// needs; see Run.
	Environ []string
	// CanAsk reports that a job-started hook can be set, which asks about the runner's job.
	CanAsk bool

	Stdout io.Writer                                        // by default io.Discard
	HTTP   *http.Client                                     // by default one whose requests end after 30 s
	Now    func() time.Time                                 // by default time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // an error gives up the claim; by default it waits for d or the end of ctx
	Rand   io.Reader                                        // for the nonce and for jitter; by default crypto/rand.Reader
}

// Claimed is what a claim gives.
type Claimed struct {
	Credential string // GitHub's just-in-time configuration, "" if there is none
	GitHubCA   string // authorities to trust beside the public ones, in PEM
	// AskAboutJob reports that the job-started hook is to ask the fleet about the job, as
	// the same claimant.
	AskAboutJob bool
	// JobLog is what the runner's hooks print in the log of its job; nil prints nothing.
	JobLog *fleet.JobLog
	nonce  string
}

// Claim asks for the runner's credential until it gets an answer or fleet.ClaimTime is
// over. It returns the credential, or none and an exit code that fleet.ExplainExit
// explains: fleet.ExitClaimUnavailable if ctx or a Sleep ended it. The nonce stays the
// same, so asking again after a lost answer is safe. On AWS the task's role signs each
// request again.
//
// Given a Sleep and an HTTP client without a Timeout, Claim starts neither a goroutine
// nor a timer, so a simulation can run it on one thread. Its messages go to Stdout, a
// line at a time, and contain neither token, nonce nor credential.
func Claim(ctx context.Context, c Claiming) (got Claimed, exitCode int) {
	c = c.withDefaults()
	s, err := readClaim(c.Environ)
	if err != nil {
		c.say("%v", err)
		return Claimed{}, fleet.ExitUsage
	}
	nonce, err := c.nonce()
	if err != nil {
		c.say("%v", err)
		return Claimed{}, fleet.ExitClaimUnavailable
	}
	c.say("claiming as %s", s.runnerID)
	deadline := c.Now().Add(fleet.ClaimTime)
	for attempt := 0; ; attempt++ {
		a := c.ask(ctx, s, nonce)
		switch {
		case ctx.Err() != nil:
			return Claimed{}, fleet.ExitClaimUnavailable
		case a.claimed.Credential != "":
			c.say("claimed as %s", a.runnerName)
			a.claimed.nonce = nonce
			return a.claimed, 0
		case a.exitCode != 0:
			c.say("%s", a.text)
			return Claimed{}, a.exitCode
		}

		wait := c.waitBefore(attempt, a.retryAfter)
		if c.Now().Add(wait).After(deadline) {
			c.say("%s; giving up after %s", a.text, fleet.ClaimTime)
			return Claimed{}, fleet.ExitClaimUnavailable
		}
		if a.retryAfter > 0 {
			c.say("told to wait %s: %s; asking again in %s", a.retryAfter, a.text, wait.Round(time.Millisecond))
		} else {
			c.say("%s; asking again in %s", a.text, wait.Round(time.Millisecond))
		}
		if c.Sleep(ctx, wait) != nil {
			return Claimed{}, fleet.ExitClaimUnavailable
		}
	}
}

func (c Claiming) withDefaults() Claiming {
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: requestTimeout}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleepWith(time.After)
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

func (c Claiming) say(format string, args ...any) { say(c.Stdout, format, args...) }

func (c Claiming) nonce() (string, error) {
	random := make([]byte, nonceBytes)
	if _, err := io.ReadFull(c.Rand, random); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(random), nil
}

// answer is the result of one request: the credential, or an exit code, or else a
// reason to ask again, after retryAfter if the answer named a time.
type answer struct {
	claimed    Claimed
	runnerName string
	exitCode   int
	retryAfter time.Duration
	text       string
}

func (c Claiming) ask(ctx context.Context, s claimSettings, nonce string) answer {
	identity, err := c.identify(ctx, s, nonce)
	if err != nil {
		return answer{text: err.Error()}
	}
	req, err := newRequest(ctx, s.url, s.token, fleet.ClaimRequest{Nonce: nonce, Identity: identity, CanAsk: c.CanAsk})
	if err != nil {
		return answer{exitCode: fleet.ExitUsage, text: "CLAIM_URL is not a URL that can be asked"}
	}
	// The token is for this URL alone: no redirect is followed.
	res, err := withoutRedirects(*c.HTTP).Do(req)
	if err != nil {
		return answer{text: "the claim got no answer: " + withoutURL(err).Error()}
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	return readAnswer(res, content, err, c.Now())
}

// newRequest is a request of the fleet's with the claim token.
func newRequest(ctx context.Context, url, token string, body any) (*http.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ecs-runner-fleet-entrypoint")
	return req, nil
}

func withoutRedirects(client http.Client) *http.Client {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func readAnswer(res *http.Response, content []byte, readErr error, now time.Time) answer {
	var claim fleet.ClaimResponse
	unreadable := readErr
	if unreadable == nil && len(content) > maxAnswer {
		unreadable = fmt.Errorf("it has more than %d bytes", maxAnswer)
	}
	if unreadable == nil && json.Unmarshal(content, &claim) != nil {
		// The decoder's own message may quote the answer.
		unreadable = errors.New("it is not the JSON of a claim")
	}
	text := describe(res.StatusCode, claim)
	code, refused := fleet.ExitForClaim(res.StatusCode)
	switch {
	case res.StatusCode == http.StatusOK && unreadable != nil:
		return answer{text: fmt.Sprintf("the claim's answer was lost: %v", withoutURL(unreadable))}
	case res.StatusCode == http.StatusOK && claim.EncodedJITConfig == "":
		return answer{text: "the claim's answer had no credential in it"}
	case res.StatusCode == http.StatusOK:
		return answer{claimed: Claimed{Credential: claim.EncodedJITConfig, GitHubCA: claim.GitHubCA, AskAboutJob: claim.AskAboutJob, JobLog: claim.JobLog}, runnerName: claim.RunnerName}
	case refused:
		return answer{exitCode: code, text: text}
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return answer{retryAfter: retryAfter(res.Header, now), text: text}
	}
	return answer{exitCode: fleet.ExitUsage, text: text + "; does CLAIM_URL lead to the fleet's claim?"}
}

func describe(status int, claim fleet.ClaimResponse) string {
	text := fmt.Sprintf("the claim was answered with %d %s", status, http.StatusText(status))
	if claim.Error != "" {
		text += ", " + fleet.Clip(claim.Error, mostShown)
	}
	if claim.Message != "" {
		text += ": " + fleet.Clip(claim.Message, mostShown)
	}
	return text
}

// mostShown is how many characters of an answer's text are shown.
const mostShown = 500

// withoutURL removes the URL from a client's error: it may hold a password.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
