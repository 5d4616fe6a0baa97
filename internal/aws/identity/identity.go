// Package identity finds out from which task of ECS a claim comes.
//
// A task signs sts:GetCallerIdentity with its role's credentials, which needs no
// permission, over its runner id and its nonce. STS then says who signed; the name of
// the session is the task's id.
//
// Surprisingly, the signed request is never sent along. This package builds it from
// what must be in it. So a claimant cannot make it ask STS anything else, or another
// host, or believe an answer of the claimant's own.
package identity

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// Role is the role of the fleet's tasks.
type Role struct {
	Partition string // such as aws
	Account   string
	UniqueID  string // such as AROA…: a role of the same name that is made later has another
}

// Service asks STS who signed a claim.
type Service struct {
	HTTP     *http.Client // its Timeout bounds one request; redirects are not followed
	Endpoint Endpoint
	Role     Role
	Now      func() time.Time
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	stamp     = "20060102T150405Z"

	maxToken  = 8 << 10
	maxAnswer = 64 << 10
)

// What may be in a claim. A nonce is a header's value here; only this kind of claim is
// restricted so.
var (
	nonces     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	accessKeys = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	signatures = regexp.MustCompile(`^[0-9a-f]{64}$`)
	codes      = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)
)

// Task is the id of the task that signed the runner id and the nonce within the last
// minute. It fails with Claim.Unidentified if none of the fleet's tasks did. After any
// other error the caller may ask again.
func (s Service) Task(ctx context.Context, runnerID, nonce string, signed fleet.Identity) (id string, err error) {
	at, err := time.Parse(stamp, signed.Date)
	switch age := s.Now().Sub(at); {
	case err != nil, !nonces.MatchString(nonce), !accessKeys.MatchString(signed.AccessKeyID), !signatures.MatchString(signed.Signature),
		signed.SessionToken == "", len(signed.SessionToken) > maxToken:
		return "", unidentified("it is not signed as a task signs it")
	case age > fleet.IdentityFor || age < -fleet.IdentityFor:
		return "", unidentified("it was not signed within the last minute")
	}
	req, err := s.request(ctx, runnerID, nonce, signed)
	if err != nil {
		return "", unidentified("it is not signed as a task signs it")
	}
	status, body, err := s.ask(req)
	if err != nil {
		return "", fmt.Errorf("ask STS who signed a claim: %w", err)
	}
	if status != http.StatusOK {
		return "", refused(status, body)
	}
	return s.Role.taskOf(body)
}

func unidentified(why string) error {
	return fleet.Errorf(fleet.ClaimUnidentified, "the claim does not show that it comes from the runner's task: %s", why)
}

// request is what the task must have signed, with its signature.
func (s Service) request(ctx context.Context, runnerID, nonce string, signed fleet.Identity) (*http.Request, error) {
	headers := []string{"host", strings.ToLower(fleet.IdentityNonceHeader), strings.ToLower(fleet.IdentityRunnerHeader)} // sorted, as SigV4 wants them
	scope := []string{signed.AccessKeyID, signed.Date[:len("20060102")], s.Endpoint.Region, fleet.IdentityService, "aws4_request"}
	query := url.Values{
		"X-Amz-Algorithm":      {algorithm},
		"X-Amz-Credential":     {strings.Join(scope, "/")},
		"X-Amz-Date":           {signed.Date},
		"X-Amz-Expires":        {strconv.Itoa(int(fleet.IdentityFor.Seconds()))},
		"X-Amz-Security-Token": {signed.SessionToken},
		"X-Amz-SignedHeaders":  {strings.Join(headers, ";")},
		"X-Amz-Signature":      {signed.Signature},
	}
	u := s.Endpoint.URL
	u.Path, u.RawQuery = "/", fleet.IdentityQuery+"&"+query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(fleet.IdentityRunnerHeader, runnerID)
	req.Header.Set(fleet.IdentityNonceHeader, nonce)
	return req, nil
}

func (s Service) ask(req *http.Request) (status int, body []byte, err error) {
	client := *s.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		if failed, ok := err.(*url.Error); ok {
			err = failed.Err // the URL has the signature in it
		}
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, body, err
}

// refused is what STS's refusal means. Its own words repeat the request, which has
// secrets in it, so only its code is reported.
func refused(status int, body []byte) error {
	var answer struct {
		Code string `xml:"Error>Code"`
	}
	if xml.Unmarshal(body, &answer) != nil || !codes.MatchString(answer.Code) {
		answer.Code = "no reason"
	}
	throttled := strings.Contains(answer.Code, "Throttl") || answer.Code == "RequestLimitExceeded"
	if (status == http.StatusForbidden || status == http.StatusBadRequest || status == http.StatusUnauthorized) && !throttled {
		return unidentified("STS refuses its signature (" + answer.Code + ")")
	}
	return fmt.Errorf("ask STS who signed a claim: it answered with %d (%s)", status, answer.Code)
}

// taskOf is the task that an answer of STS names
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
func (r Role) taskOf(body []byte) (id string, err error) {
	var answer struct {
		XMLName xml.Name `xml:"GetCallerIdentityResponse"`
		ARN     string   `xml:"GetCallerIdentityResult>Arn"`
		UserID  string   `xml:"GetCallerIdentityResult>UserId"`
		Account string   `xml:"GetCallerIdentityResult>Account"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("read STS's answer: %w", err)
	}
	role, session, _ := strings.Cut(answer.UserID, ":")
	arn := "arn:" + r.Partition + ":sts::" + r.Account + ":assumed-role/"
	if r.UniqueID == "" || role != r.UniqueID || session == "" || answer.Account != r.Account ||
		!strings.HasPrefix(answer.ARN, arn) || !strings.HasSuffix(answer.ARN, "/"+session) {
		return "", unidentified("another than the role of the fleet's tasks signed it")
	}
	return session, nil
}
