package github

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// App is a GitHub App that a fleet acts as.
type App struct {
	ID   string // client id or app id
	Keys appKeys
}

// appKeys are the private keys of an App as PEM, the current one first: while one replaces
// another, GitHub may know either.
type appKeys interface {
	Values(ctx context.Context) ([]string, error)
	// Refresh reads them again, however lately that was done.
	Refresh(ctx context.Context) (changed bool, err error)
}

// Apps is the Credential of a fleet that acts as GitHub Apps. Each repository has its App
// among those that are installed for its owner, so that several share the requests.
//
// Tokens of installations last for an hour. They are kept in memory and, sealed with the
// App's key, where the client shares its budgets: ETags hold for one token, so all
// functions read with the same.
type Apps struct {
	List []App
	PAT  Credential // for owners that no App is installed for, and for an enterprise; nil if there is none
	// Organization says that runners are registered in one, or in an enterprise, so that an
	// App without Administration in repositories will do.
	Organization bool
	Now          func() time.Time
}

// Token fails: Apps ask GitHub for tokens, which New lets them do.
func (a Apps) Token(context.Context, Want) (Token, error) {
	return Token{}, errors.New("a GitHub App without a client")
}

func (a Apps) connect(c *Client) Credential {
	tokens := &appTokens{
		Apps: a, client: c, installations: map[string]int64{}, tokens: map[string]appToken{}, renew: map[string]bool{},
		skew: make([]time.Duration, len(a.List)),
	}
	return tokens
}

// renewBefore is how long before its end a token is replaced: longer than a request that
// begins with it takes.
const renewBefore = 5 * time.Minute

// appTokens is Apps with a client to ask GitHub through.
type appTokens struct {
	Apps
	client *Client

	mu            sync.Mutex
	installations map[string]int64    // by installationKey
	tokens        map[string]appToken // by tokenName
	renew         map[string]bool     // by tokenName: the shared token may be the one that GitHub refused
	skew          []time.Duration     // of GitHub's clock against ours, as each App has seen it
}

// appToken is one token of an installation, as it is sealed.
type appToken struct {
	Value   string    `json:"token"`
	Expires time.Time `json:"expires_at"`
}

func (t appToken) good(now time.Time) bool { return now.Add(renewBefore).Before(t.Expires) }

// Token returns the token of the installation for what a request is about.
func (a *appTokens) Token(ctx context.Context, want Want) (Token, error) {
	if want.Enterprise != "" {
		return a.ofEnterprise(ctx, want)
	}
	var missing error
	for _, i := range a.order(want) {
		token, err := a.tokenOf(ctx, i, want)
		if !fleet.IsNamed(err, fleet.GitHubNotFound) {
			return token, err
		}
		missing = cmp.Or(missing, err)
	}
	if a.PAT != nil {
		return a.PAT.Token(ctx, want)
	}
	return Token{}, missing
}

// ofEnterprise returns the personal access token: GitHub lets no App do anything there.
func (a *appTokens) ofEnterprise(ctx context.Context, want Want) (Token, error) {
	if a.PAT == nil {
		return Token{}, fleet.Errorf(fleet.GitHubNoAccess, "no GitHub App may register runners in enterprise %s: name a classic token with %s as github_pat", want.Enterprise, RunnersScope)
	}
	return a.PAT.Token(ctx, want)
}

// order is which Apps may serve a request, its own first. It depends on the repository
// alone, so that its lists are read with the same token each time.
func (a *appTokens) order(want Want) (order []int) {
	hash := fnv.New32a()
	hash.Write([]byte(fleet.RepositoryKey(want.Owner + "/" + want.Repository)))
	first := int(hash.Sum32() % uint32(len(a.List)))
	for i := range a.List {
		order = append(order, (first+i)%len(a.List))
	}
	return order
}

func (a *appTokens) tokenOf(ctx context.Context, i int, want Want) (Token, error) {
	installation, known, err := a.installation(ctx, i, want)
	if err != nil {
		return Token{}, err
	}
	token, err := a.installationToken(ctx, i, installation, want)
	if known && fleet.IsNamed(err, fleet.GitHubNotFound) {
		// It may have been installed again since, under another id.
		a.forget(i, want)
		if installation, _, err = a.installation(ctx, i, want); err == nil {
			token, err = a.installationToken(ctx, i, installation, want)
		}
	}
	if err != nil {
		return Token{}, err
	}
	return Token{Value: token.Value, Budget: a.budgetOf(i, installation), Name: "App " + a.List[i].ID + ", installed for " + want.Owner}, nil
}

// budgetOf names the limit that all tokens of an installation share.
func (a *appTokens) budgetOf(i int, installation int64) string {
	return "app-" + a.List[i].ID + "-" + strconv.FormatInt(installation, 10)
}

// installation is the App's installation for an owner. known is true if GitHub was not
// asked for it now.
func (a *appTokens) installation(ctx context.Context, i int, want Want) (id int64, known bool, err error) {
	key := a.installationKey(i, want)
	a.mu.Lock()
	id, known = a.installations[key]
	a.mu.Unlock()
	if known {
		return id, true, nil
	}
	at := resource{path: "/orgs/" + url.PathEscape(want.Owner) + "/installation"}
	if want.Repository != "" { // it may be a user's
		at = Repository{Owner: want.Owner, Name: want.Repository}.resource("/installation")
	}
	var found struct {
		ID int64 `json:"id"`
	}
	_, err = a.ask(ctx, i, http.MethodGet, at, nil, &found)
	switch {
	case fleet.IsNamed(err, fleet.GitHubNotFound):
		return 0, false, fleet.Errorf(fleet.GitHubNotFound, "GitHub App %s is not installed for %s, or not given this repository: its installation's settings at %s say which repositories it has: %w", a.List[i].ID, path.Join(want.Owner, want.Repository), want.Owner, err)
	case err != nil:
		return 0, false, err
	case found.ID == 0:
		return 0, false, incomplete(http.MethodGet, at)
	}
	a.mu.Lock()
	a.installations[key] = found.ID
	a.mu.Unlock()
	return found.ID, false, nil
}

// installationKey names what one installation is looked up for: an owner, for whom an App
// has one. Where another App or a token may serve what this one was not given, it is each
// repository.
func (a *appTokens) installationKey(i int, want Want) string {
	key := strconv.Itoa(i) + "/" + strings.ToLower(want.Owner)
	if len(a.List) > 1 || a.PAT != nil {
		key += "/" + strings.ToLower(want.Repository)
	}
	return key
}

func (a *appTokens) forget(i int, want Want) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.installations, a.installationKey(i, want))
}

// reads are the permissions of the tokens that read in repositories, or an organization's
// runners. A request for one that the App lacks is refused as a whole, so these are what a
// fleet cannot do without.
func (a Apps) reads(want Want) map[string]string {
	switch {
	case want.ofOwner():
		return map[string]string{Organization("").runners(): "read"}
	case a.Organization:
		return map[string]string{"actions": "read"}
	}
	return map[string]string{"actions": "read", "administration": "read"}
}

// scope is what GitHub is asked to narrow a token to: one that writes may do so in one
// repository, in one way.
func (a Apps) scope(want Want) map[string]any {
	if want.Write == "" {
		return map[string]any{"permissions": a.reads(want)}
	}
	narrow := map[string]any{"permissions": map[string]string{want.Write: "write"}}
	if want.Repository != "" {
		narrow["repositories"] = []string{want.Repository}
	}
	return narrow
}

// installationToken is a token of an installation that is good for a while: one that is
// known here, one that another function has shared, or a new one.
func (a *appTokens) installationToken(ctx context.Context, i int, installation int64, want Want) (appToken, error) {
	name := a.tokenName(i, installation, want)
	now := a.now(i)
	a.mu.Lock()
	token, renew := a.tokens[name], a.renew[name]
	a.mu.Unlock()
	if token.good(now) {
		return token, nil
	}
	if !renew {
		if token = a.shared(ctx, i, name); token.good(now) {
			a.keep(name, token)
			return token, nil
		}
	}
	at := resource{path: "/app/installations/" + strconv.FormatInt(installation, 10) + "/access_tokens"}
	token = appToken{}
	if _, err := a.ask(ctx, i, http.MethodPost, at, a.scope(want), &token); err != nil {
		return appToken{}, a.explain(err, i, want)
	}
	if token.Value == "" || token.Expires.IsZero() {
		return appToken{}, incomplete(http.MethodPost, at)
	}
	a.keep(name, token)
	a.share(ctx, i, name, token)
	return token, nil
}

// explain says what to do about a token that GitHub refuses.
func (a *appTokens) explain(err error, i int, want Want) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	app := "GitHub App " + a.List[i].ID
	switch {
	case refused.StatusCode == http.StatusForbidden && strings.Contains(refused.Message, "suspended"):
		return fleet.Errorf(fleet.GitHubNoAccess, "the installation of %s for %s is suspended: an owner of %s lifts that in its settings, under GitHub Apps: %w", app, want.Owner, want.Owner, err)
	case refused.StatusCode != http.StatusUnprocessableEntity:
		return err
	case want.Write == "":
		return fleet.Errorf(fleet.GitHubNoAccess, "%s, installed for %s, lacks a permission: it needs %s. After a change of the App's permissions, an owner of %s accepts it: %w", app, want.Owner, permissions(a.reads(want)), want.Owner, err)
	}
	return fleet.Errorf(fleet.GitHubNoAccess, "%s, installed for %s, may not write %s in %s, or was not given this repository: %w", app, want.Owner, permissionTitle(want.Write), path.Join(want.Owner, want.Repository), err)
}

func permissions(named map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		list = append(list, permissionTitle(name)+": "+named[name])
	}
	return strings.Join(list, ", ")
}

// permissionTitle is what the settings of an App call a permission of the API.
func permissionTitle(name string) string {
	switch name {
	case "statuses":
		return "Commit statuses"
	case "organization_self_hosted_runners":
		return "Self-hosted runners"
	}
	title := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(title[:1]) + title[1:]
}

func (a *appTokens) keep(name string, token appToken) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[name] = token
	delete(a.renew, name)
}

// tokenName is the cursor of a token, sealed: for what it is good, and no secret.
func (a *appTokens) tokenName(i int, installation int64, want Want) string {
	name := "github_token/" + a.List[i].ID + "/" + strconv.FormatInt(installation, 10)
	if want.Write == "" && want.ofOwner() {
		return name + "/organization"
	}
	if want.Write == "" && a.Organization {
		return name + "/actions"
	}
	if want.Write == "" {
		return name
	}
	return name + "/" + want.Write + "/" + strings.ToLower(want.Repository)
}

// Refresh forgets a token that GitHub has refused, and the installation that it was of. The
// next one is GitHub's newest, which takes the place of what other functions share.
func (a *appTokens) Refresh(ctx context.Context, want Want, refused string) error {
	var found bool
	for i := range a.List {
		a.mu.Lock()
		installation, known := a.installations[a.installationKey(i, want)]
		name := a.tokenName(i, installation, want)
		ours := known && a.tokens[name].Value == refused
		if ours {
			a.renew[name] = true
			delete(a.tokens, name)
			delete(a.installations, a.installationKey(i, want))
		}
		a.mu.Unlock()
		found = found || ours
	}
	if kept, ok := a.PAT.(refresher); ok && !found {
		return kept.Refresh(ctx, want, refused)
	}
	return nil
}
