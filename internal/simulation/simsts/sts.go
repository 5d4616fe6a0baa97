// Package simsts is the part of STS that a claim uses, and the place where ECS
// gives out the credentials of tasks.
//
// It trusts nothing: it makes each signature again from the secret key and the request
// as it came, with AWS's own signer.
package simsts

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Region is where STS is, and Host its name there, unless a World says otherwise.
const (
	Region = "eu-west-1"
	Host   = "sts." + Region + ".amazonaws.com"
)

// CredentialsPath begins the paths of tasks' credentials; the task's id follows.
const CredentialsPath = "/v2/credentials/"

// Account, RoleID and RoleName are those of the role that tasks have, unless a World
// says otherwise.
const (
	Account  = "123456789012"
	RoleID   = "AROA0123456789ABCDEFG"
	RoleName = "fleet-task"
)

// Session is what a role's credentials stand for.
type Session struct {
	Partition, Account, RoleID, RoleName string
	Name                                 string // of the session: ECS takes the task's id
	Expired                              bool
}

// Task is the session of a task of the fleet.
func Task(id string) Session {
	return Session{Partition: "aws", Account: Account, RoleID: RoleID, RoleName: RoleName, Name: id}
}

// World is STS and the credentials of tasks. Its methods are safe for concurrent use.
type World struct {
	Now          func() time.Time
	Host, Region string
	RoleID       string
	// Answer, if it is set, may answer in place of STS.
	Answer func(*http.Request) *http.Response
	// Asked are the requests that STS got.
	Asked []*http.Request

	mu       sync.Mutex
	sessions map[string]Session // by access key
}

// Credentials are new ones for a session.
func (w *World) Credentials(s Session) aws.Credentials {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.credentials(s)
}

func (w *World) credentials(s Session) aws.Credentials {
	if w.sessions == nil {
		w.sessions = map[string]Session{}
	}
	key := fmt.Sprintf("ASIA%016d", len(w.sessions)+1)
	w.sessions[key] = s
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: secretOf(key), SessionToken: tokenOf(key)}
}

func secretOf(key string) string { return "secret/of+" + key }

// tokenOf has what a session token has, and needs escaping.
func tokenOf(key string) string { return "token//of++" + key + "==" }

// RoundTrip answers for both, by the request's host.
func (w *World) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := &answer{status: http.StatusOK}
	switch id, credentials := strings.CutPrefix(r.URL.Path, CredentialsPath); {
	case r.URL.Host == "169.254.170.2" && credentials && r.URL.Scheme == "http":
		session := Task(id)
		session.RoleID = cmp.Or(w.RoleID, RoleID)
		c := w.credentials(session)
		fmt.Fprintf(&out.body, `{"RoleArn":"arn:aws:iam::%s:role/%s","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":"2030-01-01T00:00:00Z"}`,
			Account, RoleName, c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	case r.URL.Host == cmp.Or(w.Host, Host):
		w.Asked = append(w.Asked, r)
		if w.Answer != nil {
			if answer := w.Answer(r); answer != nil {
				answer.Request = r
				return answer, nil
			}
		}
		w.sts(out, r)
	default:
		return nil, fmt.Errorf("nothing answers at %s", r.URL.Host)
	}
	made := Response(out.status, out.body.String())
	made.Request = r
	return made, nil
}

// answer is what is said to one request.
type answer struct {
	status int
	body   strings.Builder
}

func (a *answer) refuse(status int, code string) {
	a.status = status
	a.body.WriteString(Refusal(code))
}

func (w *World) sts(out *answer, r *http.Request) {
	query := r.URL.Query()
	key, _, _ := strings.Cut(query.Get("X-Amz-Credential"), "/")
	session, known := w.sessions[key]
	at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	age := w.Now().Sub(at)
	switch {
	case !known || query.Get("X-Amz-Security-Token") != tokenOf(key):
		out.refuse(http.StatusForbidden, "InvalidClientTokenId")
	case err != nil || query.Get("Action") != "GetCallerIdentity" || query.Get("Version") != "2011-06-15" || r.Method != http.MethodGet || r.URL.Path != "/":
		out.refuse(http.StatusBadRequest, "InvalidAction")
	case !signedAs(r, key, cmp.Or(w.Region, Region), at):
		out.refuse(http.StatusForbidden, "SignatureDoesNotMatch")
	case session.Expired:
		out.refuse(http.StatusForbidden, "ExpiredToken")
	case age > 15*time.Minute || age < -15*time.Minute: // whatever X-Amz-Expires says
		out.refuse(http.StatusForbidden, "SignatureDoesNotMatch")
	default:
		out.body.WriteString(GetCallerIdentity(session))
	}
}

// signedAs reports whether the request has the signature that the key gives it.
func signedAs(r *http.Request, key, region string, at time.Time) bool {
	query, signed := r.URL.Query(), url.Values{}
	for _, name := range []string{"Action", "Version", "X-Amz-Expires"} {
		signed.Set(name, query.Get(name))
	}
	again, err := http.NewRequest(http.MethodGet, "https://"+r.URL.Host+"/?"+signed.Encode(), nil)
	if err != nil {
		return false
	}
	for _, name := range strings.Split(query.Get("X-Amz-SignedHeaders"), ";") {
		if name != "host" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	role := aws.Credentials{AccessKeyID: key, SecretAccessKey: secretOf(key), SessionToken: query.Get("X-Amz-Security-Token")}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // sha256 of nothing
	made, _, err := v4.NewSigner().PresignHTTP(r.Context(), role, again, nothing, "sts", region, at)
	if err != nil {
		return false
	}
	want, err := url.Parse(made)
	return err == nil && want.Query().Encode() == query.Encode()
}

// Refusal is STS's answer with an error's code. Its message repeats the request.
func Refusal(code string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>The Canonical String for this request should have been 'x-amz-security-token:` + tokenOf("") + `'</Message></Error><RequestId>0a1b</RequestId></ErrorResponse>`
}

// GetCallerIdentity is STS's answer for a session.
func GetCallerIdentity(s Session) string {
	var user strings.Builder
	_ = xml.EscapeText(&user, []byte(s.RoleID+":"+s.Name))
	return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:` + s.Partition + `:sts::` + s.Account +
		`:assumed-role/` + s.RoleName + `/` + s.Name + `</Arn><UserId>` + user.String() + `</UserId><Account>` + s.Account +
		`</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>0a1b</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
}

// Response is an answer in STS's place.
func Response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: strconv.Itoa(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
