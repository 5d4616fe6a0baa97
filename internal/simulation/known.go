package simulation

import (
	_ "embed"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml"
)

// knownFailure is a kind of violation that is known today, with what will mend it.
type knownFailure struct {
	Name  string `yaml:"name"`
	Rule  string `yaml:"rule"`
	Says  string `yaml:"says"` // a regular expression for what the violation says
	About string `yaml:"about"`

	says *regexp.Regexp
}

//go:embed known.yaml
var knownText []byte

// knownFailures are read once.
var knownFailures = readKnown(knownText)

func readKnown(text []byte) (known []knownFailure) {
	if err := yaml.UnmarshalWithOptions(text, &known, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("simulation: read known.yaml: %v", err))
	}
	for i := range known {
		known[i].says = regexp.MustCompile(known[i].Says)
	}
	return known
}

// Known names the known failure that a violation is, "" if it is none.
func Known(v Violation) string {
	for _, k := range knownFailures {
		if k.Rule == v.Rule && k.says.MatchString(v.What) {
			return k.Name
		}
	}
	return ""
}
