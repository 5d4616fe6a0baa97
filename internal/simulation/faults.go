package simulation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/kernel"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/simulation/simaws"
)

// ReadFaults reads a file with the key faults, which are those of a scenario.
func ReadFaults(text []byte) ([]kernel.Fault, error) {
	var file struct {
		Faults []kernel.Fault `yaml:"faults"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(file.Faults) == 0 {
		return nil, errors.New("it has no faults: write them as a list below the key faults, such as {kind: ecs.no_capacity, from: 1h, until: 2h}")
	}
	err := CheckFaults(file.Faults)
	var wrong kernel.Wrong
	if errors.As(err, &wrong) {
		err = fmt.Errorf("%sfaults[%d].%s: %w", lineOf(text, wrong), wrong.Fault, wrong.Key, err)
	}
	return file.Faults, err
}

// lineOf is where a fault's key stands, or the fault, if it has no such key.
func lineOf(text []byte, wrong kernel.Wrong) string {
	fault := fmt.Sprintf("$.faults[%d]", wrong.Fault)
	for _, name := range []string{fault + "." + wrong.Key, fault} {
		path, err := yaml.PathString(name)
		if err != nil {
			continue
		}
		if node, err := path.ReadNode(bytes.NewReader(text)); err == nil && node.GetToken() != nil {
			return fmt.Sprintf("line %d: ", node.GetToken().Position.Line)
		}
	}
	return ""
}

// ofProvider are the faults whose subject begins with a capacity provider.
var ofProvider = []string{simaws.NoCapacity, simaws.Quota, simaws.RunTaskError, simaws.AnswerLost}

// CheckFaults reports what is wrong with faults.
func CheckFaults(faults []kernel.Fault) error {
	for i, f := range faults {
		if f.Kind == statesHistoryEnd {
			return kernel.Wrong{Fault: i, Key: "kind", What: statesHistoryEnd + " is what the event abort_execution does"}
		}
		if slices.Contains(ofProvider, f.Kind) && !beginsProvider(f.Of) {
			return kernel.Wrong{Fault: i, Key: "of", What: fmt.Sprintf("fault %s: of is %q, and no capacity provider begins so; there are %s and %s", f.Kind, f.Of, fleet.Fargate, fleet.FargateSpot)}
		}
	}
	return kernel.CheckPlan(faults, Kinds)
}

// beginsProvider reports whether a text is the beginning of a capacity provider, or of what
// follows one.
func beginsProvider(of string) bool {
	for _, provider := range []fleet.CapacityProvider{fleet.Fargate, fleet.FargateSpot} {
		if whole := string(provider) + "/"; strings.HasPrefix(whole, of) || strings.HasPrefix(of, whole) {
			return true
		}
	}
	return false
}
