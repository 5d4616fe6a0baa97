package setup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// hub is a GitHub whose answers are values.
type hub struct {
	gitHub
	repositories map[string]error
	deliveries   [][]github.Delivery // what is listed, one after the other; the last for ever
	hooksFail    error
	repeated     []int64
	secrets      int // how often the webhook was given one
}

func (h *hub) GetRepository(_ context.Context, repo github.Repository) (github.RepositoryInfo, error) {
	return github.RepositoryInfo{}, h.repositories[repo.String()]
}

func (h *hub) NewestRepository(_ context.Context, org github.Organization) (repo github.Repository, found bool, err error) {
	err, gone := h.repositories[string(org)]
	return github.Repository{Owner: string(org), Name: "a"}, !gone, err
}

func (h *hub) App(context.Context) (github.AppInfo, error) {
	return github.AppInfo{Slug: "ci", HTMLURL: "https://github.com/apps/ci"}, nil
}

func (h *hub) Hooks(context.Context, github.Place) iter.Seq2[github.Hook, error] {
	return func(yield func(github.Hook, error) bool) { yield(github.Hook{}, h.hooksFail) }
}

func (h *hub) AppHookDeliveries(context.Context) iter.Seq2[github.Delivery, error] {
	now := h.deliveries[0]
	if len(h.deliveries) > 1 {
		h.deliveries = h.deliveries[1:]
	}
	return func(yield func(github.Delivery, error) bool) {
		for _, d := range now {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (h *hub) RedeliverOfApp(_ context.Context, id int64) error {
	h.repeated = append(h.repeated, id)
	return nil
}

func (h *hub) SetAppHook(context.Context, github.HookSettings) error { h.secrets++; return nil }

func fleetOf(h *hub, wait func(context.Context, time.Duration) error) (Setup, *strings.Builder) {
	said := &strings.Builder{}
	if wait == nil {
		wait = func(context.Context, time.Duration) error { return nil }
	}
	return Setup{
		Policy: fleet.Policy{Repositories: []string{"o/a", "o/b"}, BaseImage: "base", Classes: map[string]fleet.Class{"small": {Arch: fleet.X64}}},
		GitHub: h, WebhookURL: "https://ci.example.com/webhook", WebhookSecret: func(context.Context) (string, error) { return "s", nil },
		Say: func(format string, args ...any) { fmt.Fprintf(said, format+"\n", args...) }, Wait: wait, Limit: time.Minute,
	}, said
}

func TestInstalled(t *testing.T) {
	gone := &github.Error{StatusCode: 404}
	for name, c := range map[string]struct {
		at      map[string]error
		befalls map[string]error // while it waits
		says    string
		err     string
		whole   bool // the fleet serves the whole organization
	}{
		"it is":                      {nil, nil, "installation: the App is installed for o, with 2 repositories\n", "", false},
		"it becomes":                 {map[string]error{"o/a": gone, "o/b": gone}, map[string]error{}, "installation: waiting for the App to be given o/a, o/b, at https://github.com/apps/ci/installations/new\ninstallation: the App is installed", "", false},
		"one is left out":            {map[string]error{"o/b": gone}, nil, "waiting for the App to be given o/b,", "installation: the App was not given o/b within 1m0s: install it at https://github.com/apps/ci/installations/new, or give", false},
		"GitHub is away for a while": {map[string]error{"o/a": &github.Error{StatusCode: 502}}, map[string]error{}, "the App is installed", "", false},
		"GitHub stays away":          {map[string]error{"o/a": &github.Error{StatusCode: 502}}, nil, "", "GitHub answered 502", false},
		"it lacks a permission":      {map[string]error{"o/a": &github.Error{StatusCode: 403, Message: "lacks a permission"}}, nil, "", "lacks a permission", false},
		"all of o":                   {nil, nil, "installation: the App is installed for o, with the repositories that it was given there\n", "", true},
		"all of o, in a while":       {map[string]error{"o": gone}, map[string]error{}, "installation: waiting for the App to be given repositories of o, at https://github.com/apps/ci/installations/new\ninstallation: the App is installed", "", true},
		"all of o, which has none":   {map[string]error{"o": nil}, nil, "", "installation: the App was not given repositories of o within 1m0s", true},
	} {
		h := &hub{repositories: c.at}
		s, said := fleetOf(h, func(context.Context, time.Duration) error {
			if c.befalls != nil {
				h.repositories = c.befalls
			}
			return nil
		})
		if c.whole {
			s.Policy.Repositories, s.Policy.Organization = nil, "o"
		}
		shown := 0
		err := s.Installed(t.Context(), func(string) { shown++ })
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(said.String(), c.says) || shown > 1 {
			t.Errorf("%s: %v, shown %d times, said\n%s", name, err, shown, said)
		}
	}
}

func TestAppPing(t *testing.T) {
	ping := func(id int64, guid string, status int) github.Delivery {
		return github.Delivery{ID: id, GUID: guid, Event: "ping", StatusCode: status, Status: "x"}
	}
	job := github.Delivery{ID: 9, GUID: "j", Event: "workflow_job", StatusCode: 202}
	for name, c := range map[string]struct {
		deliveries [][]github.Delivery
		says       string
		repeated   string
		secrets    int
	}{
		"it arrives":                        {[][]github.Delivery{{job, ping(1, "p", 200)}, {job, ping(1, "p", 200)}, {ping(10, "p", 200), job, ping(1, "p", 200)}}, "ping: it has arrived, and the fleet answered 200", "[1]", 0},
		"only jobs are kept":                {[][]github.Delivery{{job}, {ping(10, "p", 202), job}}, "it has arrived", "[9]", 0},
		"nothing is kept":                   {[][]github.Delivery{nil}, "GitHub keeps no delivery that could be repeated", "[]", 0},
		"its secret was another":            {[][]github.Delivery{{ping(1, "p", 401)}, {ping(2, "p", 401), ping(1, "p", 401)}, {ping(2, "p", 401), ping(1, "p", 401)}, {ping(3, "p", 200), ping(2, "p", 401)}}, "has the fleet's now\nping: it has arrived", "[1 2]", 1},
		"one that failed is repeated first": {[][]github.Delivery{{job, ping(2, "q", 200), ping(1, "p", 502)}, {ping(3, "p", 200)}}, "it has arrived", "[1]", 0},
		"one that failed was repeated":      {[][]github.Delivery{{ping(3, "p", 200), ping(1, "p", 502)}, {ping(4, "p", 200)}}, "it has arrived", "[3]", 0},
		"the fleet does not accept it":      {[][]github.Delivery{{ping(1, "p", 502)}, {ping(2, "p", 502)}, {ping(2, "p", 502)}, {ping(3, "p", 502)}, {ping(3, "p", 502)}, {ping(4, "p", 502)}}, "the fleet has not accepted it (GitHub says 502 x)", "[1 2 3]", 0},
		"no answer is listed":               {[][]github.Delivery{{ping(1, "p", 200)}}, "GitHub lists no answer of the fleet after 1m0s", "[1]", 0},
	} {
		h := &hub{deliveries: c.deliveries}
		s, said := fleetOf(h, nil)
		if err := s.AppPing(t.Context()); err != nil || !strings.Contains(said.String(), c.says) || fmt.Sprint(h.repeated) != c.repeated || h.secrets != c.secrets {
			t.Errorf("%s: %v, repeated %v, %d secrets, said\n%s", name, err, h.repeated, h.secrets, said)
		}
	}
}

// noted are an image's records, one after the other; the last for ever.
type noted []fleet.ImageRecord

func (n *noted) Images(context.Context) ([]fleet.ImageRecord, error) {
	now := (*n)[0]
	if len(*n) > 1 {
		*n = (*n)[1:]
	}
	return []fleet.ImageRecord{now}, nil
}

type byOthers struct{ ok bool }

func (b byOthers) Published(context.Context, string) (string, bool, error) { return "", b.ok, nil }

func TestBaseImage(t *testing.T) {
	tag := fleet.ImageSpec{Kind: fleet.BaseImage, Name: "base", Arch: fleet.X64}.Tag()
	built := fleet.ImageRecord{Tag: tag, Revision: 1, Digest: "sha256:1", BuiltAt: time.Now()}
	failed := func(mayPass bool) fleet.ImageRecord {
		return fleet.ImageRecord{Tag: tag, Failure: &fleet.BuildFailure{Reason: "no", MayPass: mayPass}}
	}
	for name, c := range map[string]struct {
		records   noted
		published bool
		says      string
	}{
		"it is built":               {noted{built}, false, "base image for x64: revision 1 is built\n"},
		"it is being built":         {noted{{Tag: tag}, {Tag: tag}, built}, false, "base image for x64: waiting for its build, which takes some minutes\nbase image for x64: revision 1 is built\n"},
		"its build fails and heals": {noted{failed(true), built}, false, "revision 1 is built"},
		"its build fails":           {noted{failed(false)}, false, "base image for x64: it could not be built\n"},
		"another has published it":  {noted{{}}, true, "it is published under its tag"},
		"it takes too long":         {noted{{Tag: tag}}, false, "it is not built after 1m0s"},
	} {
		s, said := fleetOf(&hub{}, nil)
		if err := s.BaseImage(t.Context(), &c.records, byOthers{c.published}); err != nil || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: %v, said\n%s", name, err, said)
		}
	}
}

func TestATokenThatMayNotChangeWebhooks(t *testing.T) {
	for status, says := range map[int]string{403: "give it Webhooks: read and write (a classic one: admin:repo_hook)", 404: "give it Webhooks: read and write", 502: "set the webhook of o/a: "} {
		s, _ := fleetOf(&hub{hooksFail: &github.Error{StatusCode: status}}, nil)
		if err := s.Webhooks(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v", status, err)
		}
	}
	s, _ := fleetOf(&hub{hooksFail: &github.Error{StatusCode: 403}}, nil)
	s.Policy.Organization = "o"
	if err := s.Webhooks(t.Context()); err == nil || !strings.Contains(err.Error(), "set the webhook of o: GitHub does not let the token: give it the organization's Webhooks") {
		t.Errorf("%v", err)
	}
}

func TestAWaitIsStopped(t *testing.T) {
	s, _ := fleetOf(&hub{}, func(context.Context, time.Duration) error { return context.Canceled })
	if err := s.BaseImage(t.Context(), &noted{{}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
