package params

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/kept"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// store is Parameter Store with one parameter.
type store struct {
	text string
	err  error
	read int
}

func (s *store) GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	s.read++
	if s.err != nil {
		return nil, s.err
	}
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{Value: aws.String(s.text)}}, nil
}

// clock is a time that a test sets.
type clock struct{ t time.Time }

func newClock() *clock                   { return &clock{time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }
func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func TestClasses(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[string]fleet.Class
		says string
	}{
		"one class":              {`{"small":{"cpu":512,"memory":1024}}`, map[string]fleet.Class{"small": {CPU: 512, Memory: 1024, Arch: fleet.X64}}, ""},
		"every key of a class":   {`{"a":{"cpu":256,"memory":512,"arch":"arm64","spot":true,"ephemeral_storage":21}}`, map[string]fleet.Class{"a": {CPU: 256, Memory: 512, Arch: fleet.ARM64, Spot: true, EphemeralStorage: 21}}, ""},
		"none":                   {`{}`, nil, "names no class"},
		"null":                   {`null`, nil, "names no class"},
		"nothing":                {``, nil, "write runner_class_sizes as JSON"},
		"a list":                 {`[]`, nil, "write runner_class_sizes as JSON"},
		"two objects":            {`{"a":{"cpu":256,"memory":512}} {}`, nil, "after top-level value"},
		"a key that is misspelt": {`{"a":{"cpus":256,"memory":512}}`, nil, `class a: json: unknown field "cpus"`},
		"idle runners": {
			`{"a":{"cpu":256,"memory":512,"warm":{"count":2,"schedule":"mon-fri 08:00-18:00 Europe/Berlin","image":"gpu","repositories":["o/r"],"rotate_after":"90m","idle_hours_per_day":8}}}`,
			map[string]fleet.Class{"a": {CPU: 256, Memory: 512, Arch: fleet.X64, Warm: &fleet.Warm{
				Count: 2, Schedule: "mon-fri 08:00-18:00 Europe/Berlin", Image: "gpu", Repositories: []string{"o/r"}, RotateAfter: fleet.Age(90 * time.Minute), IdleHoursPerDay: 8,
			}}}, "",
		},
		"idle runners that cannot be, for Policy.Pools to refuse": {`{"a":{"cpu":256,"memory":512,"warm":{"count":0}}}`, map[string]fleet.Class{"a": {CPU: 256, Memory: 512, Arch: fleet.X64, Warm: &fleet.Warm{}}}, ""},
		"a key of idle runners that is misspelt":                  {`{"a":{"cpu":256,"memory":512,"warm":{"cuont":2}}}`, nil, `class a: json: unknown field "cuont"`},
		"an age that is none":                                     {`{"a":{"cpu":256,"memory":512,"warm":{"count":2,"rotate_after":"soon"}}}`, nil, `class a: warm.rotate_after: "soon" is not a time`},
		"a size that Fargate has not":                             {`{"a":{"cpu":256,"memory":512},"b":{"cpu":512,"memory":512}}`, nil, "class b: cpu 512 with memory 512 is no Fargate size"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			c := &Classes{SSM: &store{text: test.text}, Name: "/ci/classes", Now: newClock().now}
			got, err := c.Get(t.Context())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "/ci/classes")) {
				t.Errorf("got %v, want …%s…", err, test.says)
			}
		})
	}
}

func TestClassesAreKeptForFiveMinutes(t *testing.T) {
	s, at := &store{text: `{"a":{"cpu":256,"memory":512}}`}, newClock()
	c := &Classes{SSM: s, Name: "/ci/classes", Now: at.now}
	steps := []struct {
		sentence string
		after    time.Duration
		reads    int
	}{
		{"at first", 0, 1},
		{"at once again", 0, 1},
		{"almost five minutes later", kept.For - time.Second, 1},
		{"five minutes later", time.Second, 2},
		{"and again", 0, 2},
	}
	for _, step := range steps {
		at.advance(step.after)
		classes, err := c.Get(t.Context())
		if err != nil || len(classes) != 1 || s.read != step.reads {
			t.Errorf("%s: %v, %v, %d reads", step.sentence, classes, err, s.read)
		}
		clear(classes) // it is ours
	}
	at.advance(kept.For)
	s.err = &smithy.GenericAPIError{Code: "ThrottlingException"}
	if _, err := c.Get(t.Context()); fleet.ErrorName(err) != fleet.AWSUnavailable {
		t.Errorf("throttled: %v", err)
	}
	s.err = &types.ParameterNotFound{}
	if _, err := c.Get(t.Context()); err == nil || fleet.ErrorName(err) != "" {
		t.Errorf("a parameter that there is not: %v", err)
	}
	s.err = nil
	if _, err := c.Get(t.Context()); err != nil || s.read != 5 {
		t.Errorf("a failure is not kept: %v, %d reads", err, s.read)
	}
}
