package awserr

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

func TestOnlyWhatPassesIsNamed(t *testing.T) {
	for sentence, test := range map[string]struct {
		err  error
		name string
	}{
		"a throttle":                        {&smithy.GenericAPIError{Code: "ThrottlingException"}, fleet.AWSUnavailable},
		"a code that the SDK does not know": {&smithy.GenericAPIError{Code: "KmsThrottlingException"}, fleet.AWSUnavailable},
		"a mistake of AWS":                  {&smithy.GenericAPIError{Code: "Anything", Fault: smithy.FaultServer}, fleet.AWSUnavailable},
		"no time left":                      {context.DeadlineExceeded, fleet.AWSUnavailable},
		"a caller that gave up":             {context.Canceled, ""},
		"a refusal":                         {&smithy.GenericAPIError{Code: "AccessDeniedException"}, ""},
	} {
		err := CallError(test.err, "start %s", "it")
		if name := fleet.ErrorName(err); name != test.name || !errors.Is(err, test.err) || !strings.HasPrefix(err.Error(), "start it: ") {
			t.Errorf("%s: %q %v", sentence, name, err)
		}
	}
	if err := CallError(nil, "start it"); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestNamesAndCausesAreCutInFrontOfACharacter(t *testing.T) {
	if got := Name(strings.Repeat("n", MaxName-1) + "ü"); got != strings.Repeat("n", MaxName-1) {
		t.Errorf("a name of %d bytes ends with %q", len(got), got[len(got)-3:])
	}
	if got := Cause(strings.Repeat("c", MaxCause+1)); len(got) != MaxCause {
		t.Errorf("a cause has %d bytes", len(got))
	}
	if got := Cause("ü"); got != "ü" {
		t.Errorf("a short cause is %q", got)
	}
}
