package github

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// core is the resource that all requests of this package count for.
const core = "core"

// readAgain is how long a client believes what others have shared about a budget.
const readAgain = time.Minute

// cursors is the part of the table through which functions share budgets.
type cursors interface {
	Cursor(ctx context.Context, name string) (string, error)
	PutCursor(ctx context.Context, name, value string) error
}

// budgets are what GitHub has said about the credentials of a client.
type budgets struct {
	mu     sync.Mutex
	known  map[string]fleet.Budget // by budgetName
	shared map[string]fleet.Budget // what the table has, as far as it is known
	readAt map[string]time.Time
}

// budgetName is the cursor of one credential's budget for one resource.
func budgetName(credential, resource string) string {
	return "github_budget/" + credential + "/" + resource
}

// learn notes what an answer says about the budget, and shares it if others should know
// it. An answer without the headers says nothing: that server has no limits. If sharing
// fails, a later answer shares it.
func (c *Client) learn(ctx context.Context, token Token, h http.Header, retryAfter time.Duration) {
	b, ok := budget(h)
	if !ok {
		return
	}
	b.Credential, b.Name = token.budget(), token.Name
	if retryAfter > 0 && b.Remaining > 0 {
		if at, err := http.ParseTime(h.Get("Date")); err == nil {
			b.Until = at.Add(retryAfter)
		}
	}
	name := budgetName(b.Credential, b.Resource)
	c.budgets.mu.Lock()
	b = b.Merge(c.budgets.known[name])
	c.budgets.known[name] = b
	was := c.budgets.shared[name]
	share := c.Shared != nil && b.WorthSharing(was)
	if share {
		c.budgets.shared[name] = b
	}
	c.budgets.mu.Unlock()
	if !share {
		return
	}
	encoded, err := json.Marshal(b)
	if err == nil {
		err = c.Shared.PutCursor(ctx, name, string(encoded))
	}
	if err != nil {
		c.budgets.mu.Lock()
		c.budgets.shared[name] = was
		c.budgets.mu.Unlock()
	}
}

// Budget is what the credential for a place has left, as far as this client or, a
// minute ago, others knew. Without a limit it is not Known, but has the credential.
func (c *Client) Budget(ctx context.Context, at Place, now time.Time) (fleet.Budget, error) {
	token, err := c.token(ctx, at.resource("").want)
	if err != nil {
		return fleet.Budget{}, err
	}
	credential := token.budget()
	name := budgetName(credential, core)
	c.budgets.mu.Lock()
	known, readAt := c.budgets.known[name], c.budgets.readAt[name]
	c.budgets.mu.Unlock()
	known.Credential = credential
	if c.Shared == nil || now.Sub(readAt) < readAgain {
		return known, nil
	}
	text, err := c.Shared.Cursor(ctx, name)
	if err != nil {
		return known, err
	}
	var shared fleet.Budget
	if json.Unmarshal([]byte(text), &shared) != nil {
		shared = fleet.Budget{} // none was shared yet
	}
	c.budgets.mu.Lock()
	defer c.budgets.mu.Unlock()
	c.budgets.readAt[name] = now
	c.budgets.shared[name] = shared
	known = c.budgets.known[name].Merge(shared)
	known.Credential = credential
	if known.Known() {
		c.budgets.known[name] = known
	}
	return known, nil
}

// Budget is what the credential for a place has left; see Client.Budget.
func (f ForFleet) Budget(ctx context.Context, place string, now time.Time) (fleet.Budget, error) {
	return f.Client.Budget(ctx, at(place), now)
}
