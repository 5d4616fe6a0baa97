package runnerfleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
)

// ConfigFile is the configuration's file unless the environment variable
// ConfigVariable names another.
const (
	ConfigFile     = "fleet.yaml"
	ConfigVariable = "ECSRUNNER_CONFIG"
)

// contextVariable is how the CDK's command line hands its context to an app, as one
// JSON object (cdk.json, cdk.context.json and -c).
const contextVariable = "CDK_CONTEXT_JSON"

// inContext is where problems say that a key of the context stands.
const inContext = "CDK context"

// inGo is where problems of Configure stand.
const inGo = "configuration"

// FromEnvironment reads the configuration that this repository's own app deploys, and
// the file it came from: the file named by ECSRUNNER_CONFIG, or fleet.yaml in the
// working directory. A key of the CDK's context with the name of a configuration's key
// wins over the file, and works without one. The error lists every problem.
func FromEnvironment(getenv func(string) string) (c Config, file string, err error) {
	overrides, err := overridesFrom(getenv(contextVariable))
	if err != nil {
		return Config{}, "", err
	}
	named := getenv(ConfigVariable)
	file = cmp.Or(named, ConfigFile)
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named == "" && len(overrides) > 0:
	case errors.Is(err, fs.ErrNotExist):
		return Config{}, file, fmt.Errorf("read configuration: %w; write one with at least the line `github_repo: owner/name` (examples/fleet.yaml shows every key), or add -c github_repo=owner/name", err)
	case err != nil:
		return Config{}, file, fmt.Errorf("read configuration: %w", err)
	}
	c, err = config.Source{Data: data, File: file, Overrides: overrides, OnAWS: true}.Parse()
	return c, file, err
}

// Load reads the configuration in a file, without the CDK's context.
func Load(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(data, file)
}

// Parse reads a configuration, YAML or JSON. Its problems are reported under the
// file's name.
func Parse(data []byte, file string) (Config, error) {
	return config.Source{Data: data, File: file, OnAWS: true}.Parse()
}

// Configure makes a configuration in Go, in place of fleet.yaml: set changes the
// defaults. It is checked as the file is, and its problems name the file's keys.
//
//	config, err := runnerfleet.Configure(func(c *runnerfleet.Config) {
//		c.Repositories = []string{"octo-org/app"}
//		c.RunnerClassSizes = map[string]runnerfleet.Class{"small": {CPU: 512, Memory: 1024}}
//	})
func Configure(set func(*Config)) (Config, error) {
	return config.Source{File: inGo, Overrides: config.Changes(set, inGo), OnAWS: true}.Parse()
}

// overridesFrom takes the configuration's keys out of the CDK's context. It leaves
// other keys alone, unless they look like a misspelled one.
func overridesFrom(context string) ([]config.Override, error) {
	if context == "" {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(context), &values); err != nil {
		return nil, fmt.Errorf("read the CDK's context from %s: %w", contextVariable, err)
	}
	var overrides []config.Override
	for key, value := range values {
		ours := slices.Contains(config.Keys(), key)
		if !ours && (strings.ContainsAny(key, "@:/") || config.Suggest(key) == "") {
			continue
		}
		overrides = append(overrides, config.Override{Key: key, Text: textOf(value), From: inContext})
	}
	slices.SortFunc(overrides, func(a, b config.Override) int { return strings.Compare(a.Key, b.Key) })
	return overrides, nil
}

// textOf is a value of the context as an operator would write it in the file. A value
// given with -c is always a text there.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(bytes.TrimSpace(value))
}
