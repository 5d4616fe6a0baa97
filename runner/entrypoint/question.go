package entrypoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// mostBetweenAsks bounds the time between two questions about a job, so that the answer
// comes soon after the fleet is back.
const mostBetweenAsks = 15 * time.Second

// askAboutJob asks the fleet which job the runner has and whether policy admits it, until it
// gets an answer or fleet.HookWait is over. Without an answer the Verdict is "", and Message
// says why. Only 200 is an answer: whatever else comes may be what is between the fleet and
// here.
func (c Claiming) askAboutJob(ctx context.Context, nonce string, hint fleet.JobHint) fleet.JobResponse {
	c = c.withDefaults()
	s, err := readClaim(c.Environ)
	if err != nil {
		return fleet.JobResponse{Message: err.Error()}
	}
	url, ok := strings.CutSuffix(s.url, "/claim")
	if !ok {
		return fleet.JobResponse{Message: "CLAIM_URL does not end with /claim, so nothing says where to ask"}
	}
	until := c.Now().Add(fleet.HookWait)
	for attempt := 0; ; attempt++ {
		left := until.Sub(c.Now())
		got, again, err := c.askOnce(ctx, s, url+"/job", fleet.JobRequest{Nonce: nonce, JobHint: hint}, left)
		if err == nil {
			return got
		}
		if left = until.Sub(c.Now()); left <= 0 {
			return fleet.JobResponse{Message: err.Error()}
		}
		if c.Sleep(ctx, min(c.waitBefore(attempt, again), mostBetweenAsks, left)) != nil {
			return fleet.JobResponse{Message: err.Error()}
		}
	}
}

// askOnce asks once, for no longer than left. again is when to ask again, if the answer says
// so.
func (c Claiming) askOnce(ctx context.Context, s claimSettings, url string, body fleet.JobRequest, left time.Duration) (got fleet.JobResponse, again time.Duration, err error) {
	if body.Identity, err = c.identify(ctx, s, body.Nonce); err != nil {
		return got, 0, err
	}
	req, err := newRequest(ctx, url, s.token, body)
	if err != nil {
		return got, 0, errors.New("CLAIM_URL is not a URL that can be asked")
	}
	client := withoutRedirects(*c.HTTP)
	if client.Timeout == 0 || client.Timeout > left {
		client.Timeout = max(left, time.Second)
	}
	res, err := client.Do(req)
	if err != nil {
		return got, 0, fmt.Errorf("it could not be reached: %w", withoutURL(err))
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return got, 0, fmt.Errorf("its answer was lost: %w", withoutURL(err))
	}
	unread := json.Unmarshal(content, &got) != nil
	switch {
	case res.StatusCode != http.StatusOK:
		text := fmt.Sprintf("it answered with %d %s", res.StatusCode, http.StatusText(res.StatusCode))
		if got.Message != "" {
			text += ": " + fleet.Clip(got.Message, mostShown)
		}
		return fleet.JobResponse{}, retryAfter(res.Header, c.Now()), errors.New(text)
	case unread, got.Verdict != fleet.Admitted && got.Verdict != fleet.Refused:
		return fleet.JobResponse{}, 0, errors.New("its answer makes no sense")
	}
	return got, 0, nil
}
