package setup

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/github"
)

// Secret is where the key of an App is stored.
type Secret interface {
	// Stored is what is there, "" if there is nothing.
	Stored(ctx context.Context) (string, error)
	Store(ctx context.Context, text string) error
	// Ref is how the configuration names it.
	Ref() string
}

// nothingYet is stored before a person makes an App, so that what keeps the key from being
// stored is met before there is one.
const nothingYet = "no GitHub App yet\n"

// storedApp is the line above a key that says whose it is. A reader of PEM skips what is
// above the first BEGIN (RFC 7468, section 2), so id and key are stored in one write.
var storedApp = regexp.MustCompile(`^GitHub App ([A-Za-z0-9._-]{1,64})\n`)

func toStore(made github.NewApp) string {
	return "GitHub App " + made.ClientID + "\n" + made.PrivateKey
}

// StoredApp is the id of the App whose key a text is, if the text says so.
func StoredApp(text string) (id string, ok bool) {
	m := storedApp.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// Kept is an App that an earlier run has made and stored, "" if there is none. What is
// stored and says of no App is not overwritten: it is an error.
func Kept(ctx context.Context, s Secret) (id, key string, err error) {
	text, err := s.Stored(ctx)
	if err != nil || text == "" || strings.TrimSpace(text) == strings.TrimSpace(nothingYet) {
		return "", "", err
	}
	id, ok := StoredApp(text)
	if !ok {
		return "", "", fmt.Errorf("%s has something that was not stored by this command: write the App's id and this reference as github_app into the configuration, or delete it there if no App uses it", s.Ref())
	}
	return id, text, nil
}
