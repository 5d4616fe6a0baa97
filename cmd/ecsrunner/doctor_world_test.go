package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/deployment"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/stack"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/doctor"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/lifecycle"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/local/sqlite"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

const examinedRepository = "octo-org/app"

// deployed is a fleet on AWS as doctor sees it: GitHub is the simulated one, over HTTP, the
// records are real ones, and AWS's services are values. A healthy one is broken by changing
// it before it is examined.
type deployed struct {
	t     *testing.T
	token string // that is stored; GitHub knows sim.Token
	sim   sim.Config
	// repositories are what the fleet serves; the first is GitHub's only one.
	repositories []string
	hookURL      string                                  // where GitHub delivers to, "" for the fleet's
	receives     int                                     // what the fleet answers webhooks with
	before       func(http.Handler) http.Handler         // is before GitHub
	read         func(context.Context) (string, error)   // reads the token
	secret       func(context.Context) ([]string, error) // reads the webhook's secret
	policy       fleet.Policy
	capacity     fleet.Capacity
	usage        *fleet.GitHubUsage
	unenforced   *fleet.Unenforced
	holds        []fleet.Hold
	images       []fleet.ImageRecord
	quotas       map[string]float64 // by name
	quotasFail   error
	builds       map[fleet.Arch]int
	queues       map[string]int
	queueFails   error
	gone         bool // the registry has no image
	status       string
	outputs      []string
	runs         string // version that is deployed
	startedAt    time.Time
	recordsFail  error
	app          *github.Apps // in place of the token

	github *sim.Server
}

// healthy is a fleet with nothing to mend.
func healthy(t *testing.T) *deployed {
	now := time.Now()
	token := "ghp_" + rand.Text() + rand.Text()
	base := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base", Arch: fleet.X64}
	return &deployed{
		t: t, token: token, repositories: []string{examinedRepository}, receives: http.StatusAccepted,
		sim: sim.Config{
			Repository: examinedRepository, Private: true, Token: token, WebhookSecret: rand.Text(), TokenExpires: now.Add(90 * 24 * time.Hour),
			Permissions: map[string]string{"administration": "write", "actions": "read", "repository_hooks": "write"},
		},
		policy: fleet.Policy{
			FleetName: "ci", DefaultClass: "small", BaseImage: "base", MaxRunners: 20, Limits: fleet.DefaultLimits(),
			Classes: map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}, "large": {CPU: 4096, Memory: 8192, Arch: fleet.X64}, "cheap": {CPU: 1024, Memory: 2048, Arch: fleet.X64, Spot: true}},
		},
		usage:  &fleet.GitHubUsage{Since: now, At: now, Budgets: []fleet.Budget{{Credential: "c", Resource: "core", Limit: 5000, Remaining: 4000, Reset: now.Add(time.Hour)}}},
		images: []fleet.ImageRecord{{Tag: base.Tag(), Spec: base, Revision: 3, Digest: "sha256:3", RunnerVersion: "2.336.0", BuiltAt: now.Add(-24 * time.Hour), UsedAt: now}},
		quotas: map[string]float64{
			"Fargate On-Demand vCPU resource count": 80, "Fargate Spot vCPU resource count": 20, "Concurrently running builds for Linux/Small environment": 3,
		},
		builds: map[fleet.Arch]int{fleet.X64: 2},
		queues: map[string]int{"failed": 0, "lost": 0},
		status: "UPDATE_COMPLETE", outputs: slices.Clone(deployment.Outputs), runs: "v1.2.3", startedAt: now.Add(-time.Hour),
	}
}

// setup connects the parts. GitHub has delivered one webhook by then, unless that is set
// not to.
func (d *deployed) setup() diagnosis {
	d.t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(d.receives) }))
	d.t.Cleanup(receiver.Close)
	ours := receiver.URL + "/webhook"
	switch d.hookURL {
	case "none":
	default:
		d.sim.WebhookURL = cmp.Or(d.hookURL, ours)
	}
	server := httptest.NewUnstartedServer(nil)
	d.sim.URL = "http://" + server.Listener.Addr().String()
	var err error
	if d.github, err = sim.New(d.sim); err != nil {
		d.t.Fatal(err)
	}
	server.Config.Handler = d.github
	if d.before != nil {
		server.Config.Handler = d.before(d.github)
	}
	server.Start()
	d.t.Cleanup(func() { d.github.Close(); server.Close() })
	d.github.Ping()
	if err := d.github.Wait(d.t.Context(), func() bool { return d.hookURL == "none" || len(d.github.Deliveries()) > 0 }); err != nil {
		d.t.Fatal(err)
	}
	d.policy.Repositories = d.repositories
	made := diagnosis{secrets: &doctor.Secrets{}}
	read, secret := d.read, d.secret
	if read == nil {
		read = func(context.Context) (string, error) { return d.token, nil }
	}
	if secret == nil {
		secret = func(context.Context) ([]string, error) { return []string{d.sim.WebhookSecret}, nil }
	}
	made.Setup = doctor.Setup{
		FleetName: "ci", Policy: d.policy, Flags: " --stack ecsrunner-ci --region eu-central-1", Now: time.Now,
		Denied:    func(err error) bool { return errors.Is(err, errDenied) },
		GitHubURL: d.sim.URL, StoreToken: "aws secretsmanager put-secret-value --secret-id ci/pat", ReadSecret: "$(aws secretsmanager get-secret-value --secret-id ci/hook)",
		WebhookSecrets: made.secrets.Values(secret), WebhookURL: ours,
		Records: d.records(), Registry: shelf{d.gone}, SweepLogs: "aws logs tail /ecsrunner/ci/sweep", StartedAt: d.startedAt,
		Version: "v1.2.3", Deployed: d.runs, Upgrade: "npx cdk deploy",
		Quotas: &doctor.Quotas{Source: account{d}, Region: "eu-central-1", BuildsAtOnce: func(context.Context) (map[fleet.Arch]int, error) { return d.builds, nil }},
		More:   []doctor.Check{{Name: "stack", Run: func(context.Context) doctor.Result { return ofStack(d.stack()) }}},
	}
	made.asks(d.sim.URL, d.credential(read))
	for _, name := range []string{"failed", "lost"} {
		made.Queues = append(made.Queues, doctor.Queue{
			Name: name, Severity: doctor.Error, Has: "events were given up", Whose: "fleet", Do: "look at the log of dispatch",
			Depth: func(context.Context) (int, error) { return d.queues[name], d.queueFails },
		})
	}
	return made
}

// errDenied is what AWS says to one who may not ask.
var errDenied = errors.New("AWS does not allow it to you")

// credential is a token, or what the fleet has in its place.
func (d *deployed) credential(read func(context.Context) (string, error)) github.Credential {
	if d.app != nil {
		return *d.app
	}
	return github.PAT(read)
}

// asApp has the fleet act as a GitHub App, whose webhook delivers.
func asApp(permissions map[string]string, then func(*deployed)) func(*deployed) {
	return func(d *deployed) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			d.t.Fatal(err)
		}
		d.sim.App = &sim.App{ID: 7, ClientID: "Iv1.fleet", Keys: []*rsa.PublicKey{&key.PublicKey}, Permissions: permissions}
		d.sim.Token, d.sim.Permissions, d.policy.GitHubApp = "", nil, true
		d.app = &github.Apps{Now: time.Now, List: []github.App{{ID: "Iv1.fleet", Keys: pemKey{string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}}}}
		if then != nil {
			then(d)
		}
	}
}

// pemKey is an App's only key.
type pemKey struct{ text string }

func (k pemKey) Values(context.Context) ([]string, error) { return []string{k.text}, nil }
func (pemKey) Refresh(context.Context) (bool, error)      { return false, nil }

// granted is what an App needs, and no more.
var granted = map[string]string{"administration": "write", "actions": "read", "metadata": "read", "checks": "write"}

// withPermission is granted, and one more.
func withPermission(name string) map[string]string {
	more := maps.Clone(granted)
	delete(more, "checks")
	more["statuses"], more[name] = "write", "write"
	return more
}

// records are a table with what the fleet has noted.
func (d *deployed) records() noted {
	d.t.Helper()
	store, err := sqlite.Open(d.t.Context(), filepath.Join(d.t.TempDir(), sqlite.FileName))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { store.Close() })
	ctx := d.t.Context()
	failed := []error{store.Write(ctx, fleet.Changes{Capacity: &d.capacity, Holds: d.holds})}
	for _, image := range d.images {
		failed = append(failed, store.PutImage(ctx, image))
	}
	if d.unenforced != nil {
		text, err := json.Marshal(d.unenforced)
		failed = append(failed, err, store.PutCursor(ctx, fleet.UnenforcedCursor, string(text)))
	}
	if d.usage != nil {
		text, _ := json.Marshal(d.usage)
		failed = append(failed, store.PutCursor(ctx, fleet.GitHubUsageCursor, string(text)))
	}
	text, _ := json.Marshal(fleet.RunnerRelease{Version: "2.336.0"})
	failed = append(failed, store.PutCursor(ctx, lifecycle.RunnerReleaseCursor, string(text)))
	if err := errors.Join(failed...); err != nil {
		d.t.Fatal(err)
	}
	return noted{store, d.recordsFail}
}

// noted are records that may not be readable.
type noted struct {
	*sqlite.Store
	fails error
}

func (n noted) Capacity(ctx context.Context) (fleet.Capacity, error) {
	if n.fails != nil {
		return fleet.Capacity{}, n.fails
	}
	return n.Store.Capacity(ctx)
}

func (n noted) Cursor(ctx context.Context, name string) (string, error) {
	if n.fails != nil {
		return "", n.fails
	}
	return n.Store.Cursor(ctx, name)
}

// shelf is a registry.
type shelf struct{ gone bool }

func (s shelf) Has(context.Context, string) (bool, error) { return !s.gone, nil }
func (s shelf) Published(context.Context, string) (string, bool, error) {
	return "", false, nil
}

// account is Service Quotas.
type account struct{ *deployed }

func (a account) Quotas(_ context.Context, service string) (all []doctor.Quota, err error) {
	for name, value := range a.quotas {
		if strings.HasPrefix(name, "Fargate") == (service == "fargate") {
			all = append(all, doctor.Quota{Service: service, Code: "L-1234", Name: name, Value: value})
		}
	}
	return all, a.quotasFail
}

// stack is what CloudFormation says of it.
func (d *deployed) stack() stack.Stack {
	d.t.Helper()
	described := types.Stack{StackName: aws.String("ecsrunner-ci"), StackStatus: types.StackStatus(d.status), CreationTime: aws.Time(d.startedAt)}
	for _, key := range d.outputs {
		described.Outputs = append(described.Outputs, types.Output{OutputKey: aws.String(key), OutputValue: aws.String("x")})
	}
	found, err := stack.Find(d.t.Context(), oneStack{described}, "ecsrunner-ci")
	if err != nil {
		d.t.Error(err)
	}
	return found
}

type oneStack struct{ types.Stack }

func (s oneStack) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{s.Stack}}, nil
}

// examine prints what doctor does, and returns it with the exit status.
func (d *deployed) examine(e examined) (doctor.Report, string, int) {
	d.t.Helper()
	made := d.setup()
	report, err := e.run(d.t.Context(), made)
	var out, talk bytes.Buffer
	if err == nil {
		err = e.show(&out, report)
	}
	if err == nil && !report.Healthy {
		err = exitCode(exitFailure)
	}
	code := status(err, &talk)
	for _, secret := range []string{d.token, d.sim.Token, d.sim.WebhookSecret} {
		if secret != "" && strings.Contains(out.String()+talk.String(), secret) {
			d.t.Errorf("a secret is in the output:\n%s", out.String())
		}
	}
	return report, out.String() + talk.String(), code
}
