package github_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// shelf is the part of the table in which budgets are shared.
type shelf struct {
	values map[string]string
	writes int
	reads  int
	fails  error
}

func (s *shelf) Cursor(_ context.Context, name string) (string, error) {
	s.reads++
	return s.values[name], s.fails
}

func (s *shelf) PutCursor(_ context.Context, name, value string) error {
	s.writes++
	if s.fails == nil {
		s.values[name] = value
	}
	return s.fails
}

var hour = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

// limits is a GitHub with a budget, which answers what status says.
type limits struct {
	remaining int
	status    int
	headers   map[string]string
}

func (l *limits) client(s *shelf, tokens ...string) github.ForFleet {
	credential := github.PAT(func(context.Context) (string, error) { return append(tokens, "secret")[0], nil })
	hub := github.NewForFleet(apiBase, credential, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		l.remaining--
		h := http.Header{}
		for name, value := range l.headers {
			h.Set(name, value)
		}
		if l.headers == nil {
			h.Set("X-RateLimit-Limit", "5000")
			h.Set("X-RateLimit-Remaining", strconv.Itoa(l.remaining))
			h.Set("X-RateLimit-Reset", strconv.FormatInt(hour.Add(time.Hour).Unix(), 10))
			h.Set("X-RateLimit-Resource", "core")
		}
		return &http.Response{StatusCode: l.status, Header: h, Body: http.NoBody, Request: r}, nil
	})})
	if s != nil {
		hub.Client.Shared = s
	}
	return hub
}

func ask(hub github.ForFleet, times int) {
	for range times {
		_ = hub.Delete(context.Background(), "octo/widgets", 1)
	}
}

func left(t *testing.T, hub github.ForFleet, now time.Time) fleet.Budget {
	t.Helper()
	b, err := hub.Budget(t.Context(), "octo/widgets", now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestABudgetIsLearntFromEveryAnswer(t *testing.T) {
	for _, status := range []int{200, 204, 304, 404, 422, 500} {
		l := &limits{remaining: 4000, status: status}
		hub := l.client(nil)
		if b := left(t, hub, hour); b.Known() {
			t.Errorf("before any answer it is %+v", b)
		}
		ask(hub, 2)
		if b := left(t, hub, hour); b.Remaining != 3998 || b.Limit != 5000 || !b.Reset.Equal(hour.Add(time.Hour)) || b.Resource != "core" {
			t.Errorf("after %d it is %+v", status, b)
		}
	}
}

func TestTheEndOfATokenIsLearnt(t *testing.T) {
	end := time.Date(2026, 12, 5, 14, 20, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-12-05 14:20:00 UTC": end, "2026-12-05 15:20:00 +0100": end, "": {}, "tomorrow": {},
	} {
		l := &limits{remaining: 4000, status: 200, headers: map[string]string{
			"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": strconv.FormatInt(hour.Add(time.Hour).Unix(), 10),
			"GitHub-Authentication-Token-Expiration": text,
		}}
		s := &shelf{values: map[string]string{}}
		ask(l.client(s), 1)
		if b := left(t, l.client(s), hour); !b.Expires.Equal(want) { // another client, by what is shared
			t.Errorf("%q: %s, want %s", text, b.Expires, want)
		}
	}
}

func TestAServerWithoutLimitsHasNoBudget(t *testing.T) {
	l, s := &limits{status: 204, headers: map[string]string{}}, &shelf{values: map[string]string{}}
	hub := l.client(s)
	ask(hub, 3)
	if b := left(t, hub, hour); b.Known() || s.writes != 0 {
		t.Errorf("budget %+v, written %d times", b, s.writes)
	}
}

func TestABudgetIsSharedWhenItMatters(t *testing.T) {
	l, s := &limits{remaining: 5000, status: 204}, &shelf{values: map[string]string{}}
	hub := l.client(s)
	ask(hub, 1)
	if s.writes != 1 {
		t.Fatalf("the first answer is written %d times", s.writes)
	}
	ask(hub, 49)
	if s.writes != 1 {
		t.Errorf("less than 1 %% is written: %d times", s.writes)
	}
	ask(hub, 1)
	if s.writes != 2 {
		t.Errorf("1 %% is written %d times in all, want 2", s.writes)
	}

	other := l.client(s)
	if b := left(t, other, hour); b.Remaining != 4949 {
		t.Errorf("another client knows of %+v", b)
	}
	l.remaining = 4000
	ask(hub, 1)
	if b := left(t, other, hour.Add(59*time.Second)); b.Remaining != 4949 {
		t.Errorf("it reads within a minute: %+v", b)
	}
	if b := left(t, other, hour.Add(time.Minute)); b.Remaining != 3999 {
		t.Errorf("a minute later it knows of %+v", b)
	}
	for name, value := range s.values {
		if strings.Contains(name+value, "secret") {
			t.Errorf("the token is in %s: %s", name, value)
		}
	}
}

func TestABudgetThatWasNotSharedIsSharedLater(t *testing.T) {
	l, s := &limits{remaining: 5000, status: 204}, &shelf{values: map[string]string{}, fails: errors.New("throttled")}
	hub := l.client(s)
	ask(hub, 1)
	s.fails = nil
	ask(hub, 1)
	if len(s.values) != 1 {
		t.Errorf("shared: %v", s.values)
	}
}

func TestALimitOfTheMinuteIsShared(t *testing.T) {
	l, s := &limits{remaining: 5000, status: 204}, &shelf{values: map[string]string{}}
	hub := l.client(s)
	ask(hub, 1)
	l.status, l.headers = 403, map[string]string{
		"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": strconv.FormatInt(hour.Add(time.Hour).Unix(), 10),
		"Retry-After": "60", "Date": hour.Format(http.TimeFormat),
	}
	ask(hub, 1)
	if b := left(t, l.client(s), hour.Add(time.Second)); b.Left(hour.Add(59*time.Second)) != 0 || b.Left(hour.Add(time.Minute)) != 4990 {
		t.Errorf("another client knows of %+v", b)
	}
}

func TestEachCredentialHasItsBudget(t *testing.T) {
	s := &shelf{values: map[string]string{}}
	one, two := &limits{remaining: 5000, status: 204}, &limits{remaining: 100, status: 204}
	ask(one.client(s, "first"), 1)
	ask(two.client(s, "second"), 1)
	if got := left(t, one.client(s, "first"), hour).Remaining; got != 4999 {
		t.Errorf("the first has %d left", got)
	}
	if got := left(t, two.client(s, "second"), hour).Remaining; got != 99 {
		t.Errorf("the second has %d left", got)
	}
}
