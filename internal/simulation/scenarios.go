package simulation

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

//go:embed scenarios/*.yaml
var scenarioFiles embed.FS

// Scenarios are those that come with the program, by their files' names.
func Scenarios() ([]Scenario, error) {
	names, err := fs.Glob(scenarioFiles, "scenarios/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, name := range names {
		text, err := scenarioFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := ReadScenario(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// Judge compares what came of a scenario with what is known of it. It returns an error
// if it broke a rule, or, for a known failure, if it broke none or not in the known way.
func (s Scenario) Judge(r Result) error {
	var broken []string
	for _, v := range r.Violations {
		broken = append(broken, v.String())
	}
	switch {
	case s.KnownFailure == "" && len(broken) > 0:
		return fmt.Errorf("it breaks rules: %s", strings.Join(broken, "; "))
	case s.KnownFailure != "" && len(broken) == 0:
		return fmt.Errorf("it is a known failure (%s) and passes: take known_failure out of it", s.KnownFailure)
	}
	for _, text := range s.ShowsAs {
		if !slices.ContainsFunc(broken, func(b string) bool { return strings.Contains(b, text) }) {
			return fmt.Errorf("it fails, but not as known: nothing says %q; it breaks: %s", text, strings.Join(broken, "; "))
		}
	}
	if s.KnownFailure != "" {
		for _, v := range r.Violations {
			if Known(v) == "" && !slices.ContainsFunc(s.ShowsAs, func(text string) bool { return strings.Contains(v.String(), text) }) {
				return fmt.Errorf("it is a known failure (%s) and breaks another rule: %s", s.KnownFailure, v)
			}
		}
	}
	return nil
}

// Start is the wait that so many of a hundred jobs did not exceed, after they were
// queued, or after the last trouble.
func (r Result) Start(percent int) time.Duration {
	return time.Duration(percentile(r.Waits, percent) * float64(time.Second)).Round(time.Second)
}

// LastStart is how long the last job waited after it was queued, or after the last
// trouble.
func (r Result) LastStart() time.Duration {
	if len(r.Waits) == 0 {
		return 0
	}
	return slices.Max(r.Waits).Round(time.Second)
}
