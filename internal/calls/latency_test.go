package calls

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const latenciesFile = "testdata/latencies.yaml"

// usual is how long something usually takes.
type usual struct {
	Milliseconds int    `yaml:"ms"`
	Source       string `yaml:"source"`
	Assumed      string `yaml:"assumed"`
}

var latencies = sync.OnceValues(func() (map[string]usual, error) {
	text, err := os.ReadFile(latenciesFile)
	if err != nil {
		return nil, err
	}
	all := map[string]usual{}
	return all, yaml.UnmarshalWithOptions(text, &all, yaml.Strict())
})

// latency is that of a thing, or of its service.
func latency(t *testing.T, what string) time.Duration {
	all, err := latencies()
	if err != nil {
		t.Fatalf("%s: %v", latenciesFile, err)
	}
	service, _, _ := strings.Cut(what, " ")
	for _, name := range []string{what, service} {
		if found, ok := all[name]; ok {
			return time.Duration(found.Milliseconds) * time.Millisecond
		}
	}
	t.Errorf("%s has no line for %q", latenciesFile, what)
	return 0
}

// TestLatenciesSayWhereTheyComeFrom: a number without an origin looks like a measurement.
func TestLatenciesSayWhereTheyComeFrom(t *testing.T) {
	all, err := latencies()
	if err != nil {
		t.Fatal(err)
	}
	for what, l := range all {
		if l.Milliseconds <= 0 || l.Source == "" && l.Assumed == "" {
			t.Errorf("%s: %q takes %d ms, by %q %q", latenciesFile, what, l.Milliseconds, l.Source, l.Assumed)
		}
	}
}
