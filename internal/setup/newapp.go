package setup

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/loopback"
)

const (
	// mostAppName is the length of an App's name, which is unique on all of GitHub.
	mostAppName = 34
	homePage    = "https://github.com/ecs-runner-fleet/ecs-runner-fleet"
	madePath    = "/made" // where GitHub leads back to
	exchanges   = 3       // tries to exchange a code, and to store a key

	pauseBetweenTries = 5 * time.Second
)

// NewApp is a GitHub App that a person makes in the browser.
type NewApp struct {
	FleetName  string
	Policy     fleet.Policy
	GitHubURL  string
	WebhookURL string

	Door     *loopback.Door
	Exchange func(ctx context.Context, code string) (github.NewApp, error)
	Secret   Secret
	Say      func(format string, args ...any)
	Wait     func(ctx context.Context, d time.Duration) error
	Limit    time.Duration // for the person
}

// manifest is the App that GitHub is asked for.
func (n NewApp) manifest() github.Manifest {
	owners := owners(n.Policy)
	m := github.Manifest{
		Name: clip(n.FleetName+" "+owners[0], mostAppName), URL: homePage, Description: "Runners of the fleet " + n.FleetName,
		Hook: github.ManifestHook{URL: n.WebhookURL, Active: true}, RedirectURL: n.Door.URL(madePath),
		Public:      len(owners) > 1, // only its owner can install a private one
		Permissions: map[string]string{}, Events: []string{github.AppEvent},
	}
	for _, p := range github.AppPermissions(uses(n.Policy)) {
		m.Permissions[p.Name] = p.Level
	}
	return m
}

func clip(text string, most int) string {
	letters := []rune(text)
	return strings.TrimSpace(string(letters[:min(len(letters), most)]))
}

// form is what the person sends to GitHub.
func (n NewApp) form(state string) (form, error) {
	manifest, err := json.Marshal(n.manifest())
	if err != nil {
		return form{}, err
	}
	query := "?" + url.Values{"state": {state}}.Encode()
	owner := owners(n.Policy)[0]
	f := form{Manifest: string(manifest), Host: page(n.GitHubURL, "/"), Buttons: []button{
		{page(n.GitHubURL, "/organizations/"+url.PathEscape(owner)+"/settings/apps/new"+query), "Continue on GitHub, in the organization " + owner},
	}}
	if n.Policy.Organization == "" {
		f.Buttons = append(f.Buttons, button{page(n.GitHubURL, "/settings/apps/new"+query), "Continue on GitHub, in my own account"})
	}
	return f, nil
}

// Make waits for the person to make the App, and stores its id and key. The pages say what
// to do.
func (n NewApp) Make(ctx context.Context, pages *Pages) (made github.NewApp, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, n.Limit, fmt.Errorf("no App was made within %s: run this again to go on", n.Limit))
	defer cancel()
	if err := n.Secret.Store(ctx, nothingYet); err != nil {
		return made, fmt.Errorf("try to store something in %s, where the App's key is to be: %w", n.Secret.Ref(), err)
	}
	state := rand.Text()
	f, err := n.form(state)
	if err != nil {
		return made, err
	}
	pages.ask(f, state)
	n.Say("GitHub App: open this link in a browser on this machine, and follow it: %s", n.Door.Link("/"))
	var code string
	select {
	case code = <-pages.codes:
	case <-ctx.Done():
		return made, context.Cause(ctx)
	}
	// From here on the App exists, and its key with nobody: a person who stops this now
	// would have to delete it.
	ctx = context.WithoutCancel(ctx)
	if made, err = n.exchange(ctx, code); err != nil {
		return made, err
	}
	if err := n.store(ctx, made); err != nil {
		return made, fmt.Errorf("store the key of the new App %s in %s: %w: mend that, make a private key in the App's settings at %s, and store it there yourself", made.Slug, n.Secret.Ref(), err, made.HTMLURL)
	}
	n.Say("GitHub App: made %s, and stored its key in %s", made.Slug, n.Secret.Ref())
	return made, nil
}

// store stores the App. It tries again, as nobody else has the key.
func (n NewApp) store(ctx context.Context, made github.NewApp) (err error) {
	for try := 1; ; try++ {
		if err = n.Secret.Store(ctx, toStore(made)); err == nil || try == exchanges {
			return err
		}
		if err := n.Wait(ctx, pauseBetweenTries); err != nil {
			return err
		}
	}
}

// exchange asks for the App until GitHub answers: a code is good for an hour.
func (n NewApp) exchange(ctx context.Context, code string) (made github.NewApp, err error) {
	for try := 1; ; try++ {
		made, err = n.Exchange(ctx, code)
		switch {
		case err == nil:
			return made, nil
		case fleet.IsNamed(err, github.NotFound):
			return made, fmt.Errorf("GitHub does not know the code that it has sent: it is good for an hour and once. If the App is in the settings of %s on GitHub, delete it there; then run this again: %w", owners(n.Policy)[0], err)
		case try == exchanges || !fleet.IsNamed(err, github.Unavailable, github.RateLimited):
			return made, fmt.Errorf("GitHub has made the App and does not show its key: delete it in the settings of %s on GitHub, and run this again: %w", owners(n.Policy)[0], err)
		}
		pause := pauseBetweenTries
		if limited, ok := errors.AsType[*github.Error](err); ok {
			pause = max(pause, min(limited.RetryAfter, time.Minute))
		}
		if err := n.Wait(ctx, pause); err != nil {
			return made, err
		}
	}
}

func sameState(given, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

// uses are the parts of a fleet that its App may need permissions for.
func uses(p fleet.Policy) github.AppUses {
	return github.AppUses{
		Organization: p.Organization != "", Refusals: p.RefusalStatus != fleet.RefusalStatusNever, Reruns: p.SpotRetry > 0,
	}
}
