package entrypoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

const (
	// credentialsHost and credentialsVariable say where ECS gives out the credentials of
	// a task's role
	// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
	credentialsHost     = "169.254.170.2"
	credentialsVariable = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"

	credentialsTimeout = 5 * time.Second
	maxCredentials     = 64 << 10
)

// identitySettings say how the claim shows which task it comes from. All are empty if
// it does not have to.
type identitySettings struct {
	host, region string
	credentials  string // path
}

func (s identitySettings) required() bool { return s.host != "" }

func readIdentity(env map[string]string) (identitySettings, error) {
	s := identitySettings{host: env[fleet.EnvIdentityHost], region: env[fleet.EnvIdentityRegion], credentials: env[credentialsVariable]}
	switch {
	case s.host == "":
		return identitySettings{}, nil
	case s.region == "":
		return s, fmt.Errorf("the environment lacks %s: the fleet sets it when it starts this container", fleet.EnvIdentityRegion)
	case !strings.HasPrefix(s.credentials, "/"):
		return s, fmt.Errorf("the environment lacks %s: ECS sets it in tasks that have a role", credentialsVariable)
	}
	return s, nil
}

// identify signs the runner id and the nonce with the credentials that the task's role
// has now. It is nil if that is not required.
func (c Claiming) identify(ctx context.Context, s claimSettings, nonce string) (*fleet.Identity, error) {
	if !s.identity.required() {
		return nil, nil
	}
	role, err := c.credentials(ctx, s.identity.credentials)
	if err != nil {
		return nil, fmt.Errorf("get the credentials of the task's role: %w", withoutURL(err))
	}
	signed, err := sign(ctx, role, s, nonce, c.Now())
	if err != nil {
		return nil, errors.New("sign the claim: the request cannot be signed") // the cause may have secrets in it
	}
	return &signed, nil
}

func sign(ctx context.Context, role aws.Credentials, s claimSettings, nonce string, now time.Time) (fleet.Identity, error) {
	query := fleet.IdentityQuery + "&X-Amz-Expires=" + strconv.Itoa(int(fleet.IdentityFor.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.identity.host+"/?"+query, nil)
	if err != nil {
		return fleet.Identity{}, err
	}
	req.Header.Set(fleet.IdentityRunnerHeader, s.runnerID)
	req.Header.Set(fleet.IdentityNonceHeader, nonce)
	nothing := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, role, req, hex.EncodeToString(nothing[:]), fleet.IdentityService, s.identity.region, now)
	if err != nil {
		return fleet.Identity{}, err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return fleet.Identity{}, err
	}
	return fleet.Identity{
		Date: u.Query().Get("X-Amz-Date"), AccessKeyID: role.AccessKeyID, SessionToken: role.SessionToken, Signature: u.Query().Get("X-Amz-Signature"),
	}, nil
}

// credentials asks ECS for those of the task's role.
func (c Claiming) credentials(ctx context.Context, path string) (aws.Credentials, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+credentialsHost+path, nil)
	if err != nil {
		return aws.Credentials{}, errors.New(credentialsVariable + " is not a path that can be asked for")
	}
	res, err := besideProxies(*c.HTTP).Do(req)
	if err != nil {
		return aws.Credentials{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return aws.Credentials{}, fmt.Errorf("ECS answered with %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	content, err := io.ReadAll(io.LimitReader(res.Body, maxCredentials))
	if err != nil {
		return aws.Credentials{}, err
	}
	var got struct{ AccessKeyID, SecretAccessKey, Token string }
	if json.Unmarshal(content, &got) != nil || got.AccessKeyID == "" || got.SecretAccessKey == "" || got.Token == "" {
		return aws.Credentials{}, errors.New("ECS's answer has no credentials in it")
	}
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.Token}, nil
}

// besideProxies is a client for addresses on this task's own link. It uses no proxy,
// even if the image names one for other addresses.
func besideProxies(client http.Client) *http.Client {
	if client.Timeout > credentialsTimeout {
		client.Timeout = credentialsTimeout
	}
	transport, standard := client.Transport.(*http.Transport)
	if client.Transport == nil {
		transport, standard = http.DefaultTransport.(*http.Transport)
	}
	if standard {
		transport = transport.Clone()
		transport.Proxy = nil
		transport.DisableKeepAlives = true
		client.Transport = transport
	}
	return withoutRedirects(client)
}
