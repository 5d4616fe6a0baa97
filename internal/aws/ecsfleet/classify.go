package ecsfleet

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/aws/awserr"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// verdict is what an answer of RunTask means, and what to do about it.
type verdict struct{ name, hint string }

const (
	again   = "the fleet asks again"
	support = "ask AWS Support why"
)

var (
	noRoom   = verdict{fleet.RunnerNoCapacity, "the fleet tries again; more subnet_ids in other zones help"}
	noQuota  = verdict{fleet.RunnerQuotaExceeded, "the fleet tries again; raise the account's Fargate quota or lower max_runners"}
	throttle = verdict{fleet.RunnerLaunchUnclear, again}
	unclear  = verdict{fleet.RunnerLaunchUnclear, again}
	gone     = verdict{fleet.RunnerDefinitionGone, "the fleet registers it anew"} // deregistered since RegisterTaskDefinition
	refused  = verdict{fleet.RunnerLaunchFailed, "correct the configuration and deploy again"}
)

// sentences distinguish answers of one code: each is a part of ECS's text, in lower
// case. No part has an apostrophe, because ECS writes both ' and U+2019. The first that
// fits counts, so a throttle comes before the errors that it is disguised as.
var sentences = []struct {
	part string
	verdict
}{
	{"request limit exceeded", throttle}, // EC2's, inside an InvalidParameterException about a security group or subnet
	{"rate exceeded", throttle},
	{"too many concurrent attempts", throttle},
	{"capacity is unavailable", noRoom},
	{"reached the limit on the number of vcpus", noQuota},
	{"reached the limit on the number of tasks", noQuota},
	{"unable to assume the service linked role", verdict{fleet.RunnerLaunchUnclear, "the fleet asks again; ECS makes that role at the first task of an account"}},
	{"not associated with the cluster", verdict{fleet.RunnerLaunchUnclear, "the fleet asks again; a deployment associates its providers last: if none is under way, deploy again"}},
	{"taskdefinition is inactive", gone},
	{"taskdefinition not found", gone},
	{"no fargate configuration exists", verdict{fleet.RunnerLaunchFailed, "correct cpu and memory of the class in runner_class_sizes"}},
	{"security group", verdict{fleet.RunnerLaunchFailed, "correct security_groups and deploy again"}},
	{"subnet", verdict{fleet.RunnerLaunchFailed, "correct subnet_ids and deploy again"}},
}

// codes are the exceptions of RunTask whose text adds nothing.
var codes = map[string]verdict{
	"AccessDeniedException":                          {fleet.RunnerLaunchFailed, "the function's role needs ecs:RunTask and iam:PassRole; deploy again"},
	"BlockedException":                               {fleet.RunnerLaunchFailed, support + " the account is blocked"},
	"ClientException":                                refused,
	"ClusterNotFoundException":                       {fleet.RunnerLaunchFailed, "the cluster was deleted; deploy again"},
	"InvalidParameterException":                      refused,
	"PlatformTaskDefinitionIncompatibilityException": {fleet.RunnerLaunchFailed, "this region's Fargate cannot run the class; change its arch or size"},
	"PlatformUnknownException":                       refused,
	"UnsupportedFeatureException":                    {fleet.RunnerLaunchFailed, "this region lacks a feature; change the class in runner_class_sizes"},
}

// reasons are those of failures, up to a colon
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html).
var reasons = map[string]verdict{
	"RESOURCE":  noRoom,
	"AGENT":     noRoom,
	"MISSING":   refused,
	"INACTIVE":  refused,
	"LOCATION":  refused,
	"ATTRIBUTE": refused,
}

// launchError names an exception of RunTask. An unknown one is not tried again if it is
// the client's fault, and is unclear otherwise.
func launchError(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unclear.error("no answer: "+err.Error(), err)
	}
	words := api.ErrorMessage()
	v, known := bySentence(words)
	if !known {
		v, known = codes[api.ErrorCode()]
	}
	switch {
	case known:
	case awserr.MayPass(err):
		v = unclear
	default:
		v = refused
	}
	if words == "" {
		words = api.ErrorCode()
	}
	return v.error(words, err)
}

// launchFailure names the failures of a RunTask that started nothing. ECS promises no
// list of their reasons, so an unknown one is unclear: it is tried again, not for ever.
func launchFailure(failures []types.Failure) error {
	if len(failures) == 0 {
		return unclear.error("neither a task nor a reason", nil)
	}
	reason := text(failures[0].Reason)
	v, known := bySentence(reason)
	if !known {
		kind, _, _ := strings.Cut(reason, ":")
		v, known = reasons[kind]
	}
	if !known {
		v = unclear
	}
	if detail := text(failures[0].Detail); detail != "" {
		reason += " (" + detail + ")"
	}
	return v.error(reason, nil)
}

func bySentence(words string) (verdict, bool) {
	words = strings.ToLower(strings.Join(strings.Fields(words), " "))
	for _, s := range sentences {
		if strings.Contains(words, s.part) {
			return s.verdict, true
		}
	}
	return verdict{}, false
}

// means says in a few words what a verdict means.
var means = map[string]string{
	fleet.RunnerNoCapacity:     "ECS has no room for the task",
	fleet.RunnerLaunchFailed:   "ECS refuses the task",
	fleet.RunnerDefinitionGone: "ECS has no such task definition any more",
	fleet.RunnerQuotaExceeded:  "ECS has used the account's Fargate quota up",
	fleet.RunnerLaunchUnclear:  "ECS did not say clearly whether it starts the task",
}

// most is how many characters a text for people has. The step that passes it on
// says which runner it is about, and that makes at most 300.
const most = 220

// error puts the verdict, ECS's own words and the hint into one text; it cuts ECS's
// words if the text gets too long.
func (v verdict) error(words string, cause error) error {
	return &fleet.Error{Name: v.name, Message: compose(means[v.name], words, v.hint), Err: cause}
}

func compose(what, words, hint string) string {
	words = strings.TrimRight(strings.Join(strings.Fields(words), " "), ".")
	room := most - utf8.RuneCountInString(what) - utf8.RuneCountInString(hint) - len(": ; ")
	return what + ": " + fleet.Clip(words, room) + "; " + hint
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
