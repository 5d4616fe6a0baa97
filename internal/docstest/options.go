package docstest

import (
	"fmt"
	"strings"
)

// options are the flags of a program, and whether each takes a value.
type options map[string]bool

type arguments struct {
	values map[string]string
	rest   []string // what is no flag
}

// takeFlags takes the flags out of the arguments, written as --flag value or --flag=value.
func takeFlags(args []string, known options) (given arguments, err error) {
	given.values = map[string]string{}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			given.rest = append(given.rest, args[i])
			continue
		}
		name, value, joined := strings.Cut(args[i], "=")
		takes, ok := known[name]
		switch {
		case !ok:
			return given, fmt.Errorf("there is no flag %s", name)
		case !takes && joined:
			return given, fmt.Errorf("%s takes no value", name)
		case takes && !joined:
			if i++; i == len(args) {
				return given, fmt.Errorf("%s needs a value", name)
			}
			value = args[i]
		}
		given.values[name] = value
	}
	return given, nil
}
